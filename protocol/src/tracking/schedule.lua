-- Stores an event until its time, once per event id. Keys and arguments as for publish.lua, and
-- ARGV  18 the time to publish, in ms since the Unix epoch
-- Returns `scheduled - 0`, or the reply of publish if the event is published or its time has come.
if redis.call('HGET', KEYS[6], 'deliver_at') and not redis.call('HGET', KEYS[6], 'answer') then
  return 'scheduled - 0'
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[18]) <= now or redis.call('EXISTS', KEYS[6], KEYS[2]) > 0 then return publish(KEYS, ARGV) end
for at = 1, 17 do redis.call('HSET', KEYS[6], 'arg:' .. at, ARGV[at]) end
redis.call('HSET', KEYS[6], 'deliver_at', ARGV[18], 'scheduled', string.format('%.0f', now), 'class', ARGV[1],
  'source', ARGV[14], 'watched', ARGV[10])
redis.call('PEXPIRE', KEYS[6], string.format('%.0f', ARGV[18] - now + ARGV[13]))
return 'scheduled - 0'
