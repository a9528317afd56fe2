-- Records the status of a tracked event on one connection.
-- KEYS  1 the delivery record
-- ARGV  1 the connection   2 `written`, `dropped` or `expired`   3 the device
--       4 maximum number of fields
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return redis.call('HINCRBY', KEYS[1], 'more', 1) end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('HSETNX', KEYS[1], 'c:' .. ARGV[1], now .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
