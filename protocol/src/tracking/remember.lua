-- Appends to users' histories.
--
-- keys  each user's list
-- args  1 entries that a list keeps   2 milliseconds that it is kept
--       and for each key the number of its new entries, and these

local most, at = tonumber(ARGV[1]), 3
for _, key in ipairs(KEYS) do
  local last = at + ARGV[at]
  if redis.call('RPUSH', key, unpack(ARGV, at + 1, last)) > most then
    redis.call('LTRIM', key, -most, -1)
  end
  redis.call('PEXPIRE', key, ARGV[2])
  at = last + 1
end
