-- Appends an entry to one shard of the inbox, which is bounded by count and age. Whatever writes there begins with this.
-- It never expires as a whole: with it the services' groups would be gone.
local function append(key, most, age, words)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('XTRIM', key, 'MINID', '~', string.format('%.0f', math.max(0, now - age)))
  words[#words + 1] = 'at'
  words[#words + 1] = string.format('%.0f', now)
  return redis.call('XADD', key, 'MAXLEN', '~', most, '*', unpack(words))
end
