-- Sets the timer of an event on one of its channels, before the event is published: an alarm for nothing is harmless,
-- an event without its alarm is not. A timer that stands already may only come to go off
-- earlier: it may be waiting for the record of a try that came to nothing.
-- KEYS  1 the timers (a sorted set)   2 the channels of the event (a set)
--       3 what has fallen back of late (a sorted set), where an alarm without a record is noted as well
-- ARGV  1 the timer: channel, a space, the event's id   2 the channel
--       3 milliseconds from now, or 4 milliseconds since the Unix epoch   5 milliseconds that the channels are kept
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = ARGV[4] ~= '' and tonumber(ARGV[4]) or now + ARGV[3]
redis.call('ZADD', KEYS[1], 'LT', string.format('%.0f', at), ARGV[1])
-- A new try has its time to come to a record, however long an earlier one had.
redis.call('ZREM', KEYS[3], 'absent ' .. ARGV[1])
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', math.max(0, at - now) + ARGV[5]))
return 1
