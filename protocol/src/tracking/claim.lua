-- Takes timers that have gone off, for a while: whoever takes them and dies leaves them to another.
-- KEYS  timers, of one shard or of several
-- ARGV  1 milliseconds for which nobody else gets them   2 timers of each at the most
-- Answers the timers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken = {}
for _, key in ipairs(KEYS) do
  for _, timer in ipairs(redis.call('ZRANGE', key, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
    redis.call('ZADD', key, 'XX', string.format('%.0f', now + ARGV[1]), timer)
    taken[#taken + 1] = timer
  end
end
return taken
