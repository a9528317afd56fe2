-- Renews a node's lease, or enters it; and does what is due in the shard.
-- ARGV  1 node   2 epoch   3 milliseconds that a lease lives   4 `renew` or `enter`   5 milliseconds of grace
--       6, 7 entries and milliseconds that the inbox keeps   8 users that are told offline at once
--       9 milliseconds for which a lease is one node's to clear up   and then the orders that the node has carried out
-- Answers  1 `renewed`, `unknown` or `entered`   2 the last batch of this lease   3 users online   4 a lease to clear
--          up, or nothing   5 `more` if more users are due to be told offline   and then orders for the node
local node, life = ARGV[1], tonumber(ARGV[3])
local me = node .. '/' .. ARGV[2]

-- If nobody has renewed for so long, it was the shard that was away, and not the nodes: each gets its time to come back,
-- and so do the users.
local LAPSE = 1250
local touched = note('touched')
if touched > 0 and (now < touched or now - touched > LAPSE) then
  redis.call('HSET', NOTES, 'held', text(now + life))
end
redis.call('HSET', NOTES, 'touched', text(now))
local is_held = now < note('held')

-- A lease that has ended: `heard` is when its node was last heard of.
local function close(lease, heard)
  redis.call('ZREM', LEASES, lease)
  redis.call('ZADD', ENDED, text(heard), lease)
end

local standing = 'renewed'
if ARGV[4] == 'enter' then
  for _, lease in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    if string.sub(lease, 1, #node + 1) == node .. '/' and lease ~= me then
      close(lease, now)
    end
  end
  standing = 'entered'
elseif not redis.call('ZSCORE', LEASES, me) then
  standing = 'unknown'
end
if standing ~= 'unknown' then
  redis.call('ZADD', LEASES, text(now + life), me)
end

local more, ended = '', ''
if not is_held then
  local out = redis.call('ZRANGE', LEASES, '-inf', text(now), 'BYSCORE', 'WITHSCORES')
  for at = 1, #out, 2 do
    close(out[at], out[at + 1] - life)
  end
  local due = redis.call('ZRANGE', LEAVING, '-inf', text(now), 'BYSCORE', 'LIMIT', 0, ARGV[8], 'WITHSCORES')
  for at = 1, #due, 2 do
    local user = due[at]
    local since, lines = read(user)
    redis.call('ZREM', LEAVING, user)
    if since and #lines == 0 then
      redis.call('HDEL', ONLINE, user)
      redis.call('ZREM', USERS, user)
      local last = text(due[at + 1] - ARGV[5])
      tell('offline', user, '{"since":' .. since .. ',"until":' .. last .. '}', ARGV[6], ARGV[7])
    end
  end
  if #due == 2 * ARGV[8] then
    more = 'more'
  end
end
for _, lease in ipairs(redis.call('ZRANGE', ENDED, 0, -1)) do
  if note('clearing ' .. lease) <= now then
    redis.call('HSET', NOTES, 'clearing ' .. lease, text(now + ARGV[9]))
    ended = lease
    break
  end
end

local orders = ORDERS .. ':' .. node
for at = 10, #ARGV do
  redis.call('LREM', orders, 0, ARGV[at])
end
local answer = {standing, text(note('batch ' .. me)), text(redis.call('HLEN', ONLINE)), ended, more}
for _, what in ipairs(redis.call('LRANGE', orders, 0, 99)) do
  answer[#answer + 1] = what
end
return answer
