-- Claims expired timers for a while. If the claiming node dies, another node claims them later.
-- KEYS  the timers of one or several shards
-- ARGV  1 ms for which other nodes do not get them   2 maximum number of timers per shard
-- Returns the timers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed = {}
for _, key in ipairs(KEYS) do
  for _, timer in ipairs(redis.call('ZRANGE', key, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
    redis.call('ZADD', key, 'XX', string.format('%.0f', now + ARGV[1]), timer)
    claimed[#claimed + 1] = timer
  end
end
return claimed
