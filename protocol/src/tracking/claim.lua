-- Takes timers that have gone off, for a while: whoever takes them and dies leaves them to another.
-- KEYS  1 the timers   ARGV  1 milliseconds for which nobody else gets them   2 timers at the most
-- Answers the timers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, timer in ipairs(due) do
  redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + ARGV[1]), timer)
end
return due
