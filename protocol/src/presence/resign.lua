-- Gives a node's lease back at a regular shutdown.
-- ARGV  1 node   2 epoch
--       3 `left` if all sessions of the node have left; otherwise they are cleared
local me = ARGV[1] .. '/' .. ARGV[2]
if redis.call('ZREM', LEASES, me) == 1 then
  if ARGV[3] == 'left' then
    redis.call('HDEL', NOTES, 'batch ' .. me)
  else
    redis.call('ZADD', ENDED, text(now), me)
  end
end
return 1
