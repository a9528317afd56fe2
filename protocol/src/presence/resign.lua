-- A node ends in order, and gives its lease back.
-- ARGV  1 node   2 epoch   3 `left` if it has said goodbye for all of its sessions; otherwise they are cleared up
local me = ARGV[1] .. '/' .. ARGV[2]
if redis.call('ZREM', LEASES, me) == 1 then
  if ARGV[3] == 'left' then
    redis.call('HDEL', NOTES, 'batch ' .. me)
  else
    redis.call('ZADD', ENDED, text(now), me)
  end
end
return 1
