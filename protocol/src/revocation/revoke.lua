-- Adds a revocation. Expired ones are removed whenever the number of fields is a multiple of 100;
-- the key expires with the last one.
-- KEYS  1 the revocations (a hash)
-- ARGV  1 `user <id>` or `token <jti>`   2 issued before, s   3 until, s
local time = redis.call('TIME')
local before, till = tonumber(ARGV[2]), tonumber(ARGV[3])

local function read(value)
  local one, other = string.match(value, '^(%d+) (%d+)$')
  return tonumber(one), tonumber(other)
end

local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local known_before, known_till = read(known)
  before, till = math.max(before, known_before), math.max(till, known_till)
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', before, till),
  'version', time[1] .. '.' .. time[2] .. '.' .. redis.call('HLEN', KEYS[1]))
if redis.call('PEXPIRETIME', KEYS[1]) < till * 1000 then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', till * 1000))
end
if redis.call('HLEN', KEYS[1]) % 100 == 0 then
  local all = redis.call('HGETALL', KEYS[1])
  for at = 1, #all, 2 do
    local _, known_till = read(all[at + 1])
    if known_till and known_till < tonumber(time[1]) then
      redis.call('HDEL', KEYS[1], all[at])
    end
  end
end
return 1
