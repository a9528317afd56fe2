-- Lists online users of the shard in the order of their ids.
-- ARGV  1 the lexicographical start, as ZRANGE … BYLEX takes it   2 maximum number of users
-- Returns the id and the entry of each user.
local users = redis.call('ZRANGE', USERS, ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])
if #users == 0 then
  return users
end
local values, answer = redis.call('HMGET', ONLINE, unpack(users)), {}
for at, user in ipairs(users) do
  answer[2 * at - 1], answer[2 * at] = user, values[at] or ''
end
return answer
