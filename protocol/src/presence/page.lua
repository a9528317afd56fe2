-- The next users of the shard who are online, in the order of their ids.
-- ARGV  1 behind which one, as ZRANGE has it by letters   2 users at the most
-- Answers each user, and the entry.
local users = redis.call('ZRANGE', USERS, ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])
if #users == 0 then
  return users
end
local values, answer = redis.call('HMGET', ONLINE, unpack(users)), {}
for at, user in ipairs(users) do
  answer[2 * at - 1], answer[2 * at] = user, values[at] or ''
end
return answer
