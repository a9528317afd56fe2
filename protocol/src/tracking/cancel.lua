-- Cancels a scheduled event.
-- KEYS  1 its delivery record
-- Returns `cancelled`, also on repetition, `published` if it is too late, or `absent` without a
-- record.
if redis.call('EXISTS', KEYS[1]) == 0 then return 'absent' end
if redis.call('HEXISTS', KEYS[1], 'answer') == 1 then return 'published' end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'cancelled', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return 'cancelled'
