-- Acknowledges all tracked events on a channel up to a cursor, for one device.
-- KEYS  1 the cursors of tracked events (a Stream)   2 the last cursor of each device (a hash)
-- ARGV  1 the key prefix of records   2 the device   3 the cursor   4 the connection
--       5 ms that a device's cursor is kept   6 maximum number of events
-- Returns a list: `more` if events up to the cursor remain, else `all`; then, for each event with
-- its first acknowledgement, the id and the time.
local from = redis.call('HGET', KEYS[2], ARGV[2])
from = from and '(' .. from or '-'
local entries = redis.call('XRANGE', KEYS[1], from, ARGV[3], 'COUNT', ARGV[6])
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local answer = { #entries < tonumber(ARGV[6]) and 'all' or 'more' }
for _, entry in ipairs(entries) do
  local id = entry[2][2]
  local record = ARGV[1] .. id
  if redis.call('EXISTS', record) == 1 then
    redis.call('HSETNX', record, 'a:' .. ARGV[2], now .. ' ' .. ARGV[4])
    local is_first = redis.call('HSETNX', record, 'acked', now) == 1
    -- Too late if the event went to the fallback stream or its receipt closed.
    if is_first and redis.call('HEXISTS', record, 'fallen') + redis.call('HEXISTS', record, 'expired') == 0 then
      answer[#answer + 1] = id
      answer[#answer + 1] = now
    end
  end
end
if #entries > 0 then
  redis.call('HSET', KEYS[2], ARGV[2], entries[#entries][1])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return answer
