-- Sets the timer of an event on one channel, before the event is published. A timer without an
-- event is harmless; an event without a timer is not. An existing timer only moves to an earlier
-- time: it may wait for the record of an earlier, failed attempt.
-- KEYS  1 the timers (a sorted set)   2 the channels of the event (a set)
--       3 recent fallbacks (a sorted set), and alarms without a record
-- ARGV  1 the timer: the channel, a space, the event's id   2 the channel
--       3 ms from now, or 4 ms since the Unix epoch   5 ms that the channels are kept
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = ARGV[4] ~= '' and tonumber(ARGV[4]) or now + ARGV[3]
redis.call('ZADD', KEYS[1], 'LT', string.format('%.0f', at), ARGV[1])
-- A new attempt gets the full time to create its record.
redis.call('ZREM', KEYS[3], 'absent ' .. ARGV[1])
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', math.max(0, at - now) + ARGV[5]))
return 1
