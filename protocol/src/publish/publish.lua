-- Appends an event to its channel's log and announces it, in one step; once per event id.
--
-- KEYS  1 the log (a Stream)   2 what is remembered of the event's id   3 the sharded pub/sub channel
--       4 the cursor of the channel's last event, which outlives the log
-- ARGV  1 class: d, r or v     2 the channel's name
--       3 the frame up to its cursor   4 the frame behind it
--       5 milliseconds that it is worth delivering, or empty
--       6 events in a log   7 milliseconds that an event stays in it   8 milliseconds that an id is remembered
-- Answers `new <cursor> <nodes>`, or `again …` with what the first time answered; `-` where there is no cursor.
local seen = redis.call('GET', KEYS[2])
if seen then return 'again ' .. seen end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expires = ''
if ARGV[5] ~= '' then expires = string.format('%.0f', now + ARGV[5]) end

local cursor, previous, frame = '-', '-', ARGV[3] .. ARGV[4]
if ARGV[1] == 'd' then
  previous = redis.call('GET', KEYS[4]) or '0-0'
  cursor = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[6], '*', 'p', previous,
    'h', ARGV[3], 't', ARGV[4], 'x', expires)
  redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', math.max(0, now - ARGV[7])))
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  -- Seven times as long: a client that comes back to an empty log is still told whether it has missed anything.
  redis.call('SET', KEYS[4], cursor, 'PX', string.format('%.0f', 7 * ARGV[7]))
  frame = ARGV[3] .. ',"cursor":"' .. cursor .. '"' .. ARGV[4]
end

local header = table.concat({
  '1', ARGV[1], ARGV[2], cursor, previous, time[1] .. string.format('%06d', time[2]), expires == '' and '-' or expires,
}, ' ')
local nodes = redis.call('SPUBLISH', KEYS[3], header .. '\n' .. frame)
local answer = cursor .. ' ' .. nodes
redis.call('SET', KEYS[2], answer, 'PX', ARGV[8])
return 'new ' .. answer
