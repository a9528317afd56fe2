-- Appends to the connection logs of users.
--
-- KEYS  the list of each user
-- ARGV  1 maximum number of entries in a list   2 ms that a list is kept
--       and, for each key, the number of its new entries and the entries

local max, at = tonumber(ARGV[1]), 3
for _, key in ipairs(KEYS) do
  local last = at + ARGV[at]
  if redis.call('RPUSH', key, unpack(ARGV, at + 1, last)) > max then
    redis.call('LTRIM', key, -max, -1)
  end
  redis.call('PEXPIRE', key, ARGV[2])
  at = last + 1
end
