-- Returns all revocations, or nothing if the given version is still the current one.
-- KEYS  1 the revocations (a hash)   ARGV  1 the known version, or empty
if (redis.call('HGET', KEYS[1], 'version') or '') == ARGV[1] then
  return {}
end
local all = redis.call('HGETALL', KEYS[1])
if #all == 0 then
  return {'version', ''}
end
return all
