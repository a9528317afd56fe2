-- Handles an expired timer: does what the event's record says is due. The record is authoritative.
-- The timer is only an alarm; it may go off too early, too late or twice. Same keys as publish.lua.
-- Returns one of
--   absent                       there is no record: never published, or too long ago
--   later <millis>               nothing is due before this time
--   done                         nothing will be due
--   outcome <state> <millis>     the event reached this final state; finish.lua adds a receipt
--   fallback <millis>\n<frame>   the deadline has passed; finish.lua adds the event to the fallback
if redis.call('EXISTS', KEYS[6]) == 0 then return 'absent' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function field(name) return redis.call('HGET', KEYS[6], name) or '' end

if field('answer') == '' then
  if field('told') ~= '' then return 'done' end
  if field('cancelled') ~= '' then return 'outcome cancelled ' .. field('cancelled') end
  if tonumber(field('deliver_at')) > now then return 'later ' .. field('deliver_at') end
  local args = {}
  for at = 1, 17 do args[at] = field('arg:' .. at) end
  publish(KEYS, args)
  for at = 1, 17 do redis.call('HDEL', KEYS[6], 'arg:' .. at) end
end

if field('fallen') ~= '' then return 'fallback ' .. field('fallen') .. '\n' .. field('frame') end
if field('watched') == '' or field('told') ~= '' then return 'done' end
if field('acked') ~= '' then return 'outcome acknowledged ' .. field('acked') end
local deadline = field('deadline')
if deadline ~= '' then
  if tonumber(deadline) > now then return 'later ' .. deadline end
  local at = string.format('%.0f', now)
  redis.call('HSET', KEYS[6], 'fallen', at)
  return 'fallback ' .. at .. '\n' .. field('frame')
end
if tonumber(field('closes')) > now then return 'later ' .. field('closes') end
local at = string.format('%.0f', now)
redis.call('HSETNX', KEYS[6], 'expired', at)
return 'outcome expired ' .. field('expired')
