-- Renews or starts a node's lease, and does what is due in the shard.
-- ARGV  1 node   2 epoch   3 lifetime of a lease in ms   4 `renew` or `enter`
--       5 grace period in ms   6, 7 maximum entries and age in ms of the inbox
--       8 maximum users to set offline
--       9 ms for which clearing a lease is reserved for one node
--       then the commands that the node has executed
-- Returns  1 `renewed`, `unknown` or `entered`   2 the last batch of this lease
--          3 number of online users   4 a lease to clear, or empty
--          5 `more` if more users are due to go offline   then commands for the node
local node, life = ARGV[1], tonumber(ARGV[3])
local me = node .. '/' .. ARGV[2]

-- If no node has renewed a lease for so long, the shard was unavailable, not the nodes. All nodes
-- and users then get time to reconnect: no lease expires meanwhile.
local LAPSE = 1250
local touched = note('touched')
if touched > 0 and (now < touched or now - touched > LAPSE) then
  redis.call('HSET', NOTES, 'held', text(now + life))
end
redis.call('HSET', NOTES, 'touched', text(now))
local is_held = now < note('held')

-- Ends a lease. `last_seen` is the time of its node's last renewal.
local function end_lease(lease, last_seen)
  redis.call('ZREM', LEASES, lease)
  redis.call('ZADD', ENDED, text(last_seen), lease)
end

local status = 'renewed'
if ARGV[4] == 'enter' then
  for _, lease in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    if string.sub(lease, 1, #node + 1) == node .. '/' and lease ~= me then
      end_lease(lease, now)
    end
  end
  status = 'entered'
elseif not redis.call('ZSCORE', LEASES, me) then
  status = 'unknown'
end
if status ~= 'unknown' then
  redis.call('ZADD', LEASES, text(now + life), me)
end

local more, ended = '', ''
if not is_held then
  local out = redis.call('ZRANGE', LEASES, '-inf', text(now), 'BYSCORE', 'WITHSCORES')
  for at = 1, #out, 2 do
    end_lease(out[at], out[at + 1] - life)
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
      add_event('offline', user, '{"since":' .. since .. ',"until":' .. last .. '}', ARGV[6], ARGV[7])
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

local commands = COMMANDS .. ':' .. node
for at = 10, #ARGV do
  redis.call('LREM', commands, 0, ARGV[at])
end
local answer = {status, text(note('batch ' .. me)), text(redis.call('HLEN', ONLINE)), ended, more}
for _, command in ipairs(redis.call('LRANGE', commands, 0, 99)) do
  answer[#answer + 1] = command
end
return answer
