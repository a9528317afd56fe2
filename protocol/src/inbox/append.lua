-- Appends an entry to a shard of the inbox, bounded by count and age. This file is prepended to
-- every script that writes there. The Stream never expires: its consumer groups would expire too.
local function append(key, max, age, fields)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('XTRIM', key, 'MINID', '~', string.format('%.0f', math.max(0, now - age)))
  fields[#fields + 1] = 'at'
  fields[#fields + 1] = string.format('%.0f', now)
  return redis.call('XADD', key, 'MAXLEN', '~', max, '*', unpack(fields))
end
