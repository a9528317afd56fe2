-- What every script of presence begins with, behind `append.lua`. All keys are of one shard.
-- KEYS  1 who is online (a hash)   2 the same, to be paged through (a sorted set, all scores 0)
--       3 who is about to be offline, and when (a sorted set)   4 the nodes' leases (a sorted set)
--       5 leases that ran out, whose sessions are to be removed (a sorted set)   6 notes of the shard (a hash)
--       7 the inbox (a Stream)   8 what the names of the nodes' lists of orders begin with
--
-- A user's entry is the time since when the user is online, and behind it a line for each open session:
-- <connection> <epoch of its node's lease> <begun, ms> <transport>[ <device>]
local ONLINE, USERS, LEAVING, LEASES, ENDED, NOTES, INBOX, ORDERS = unpack(KEYS)
local ORDERS_KEPT = 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number)
  return string.format('%.0f', number)
end

local function note(name)
  return tonumber(redis.call('HGET', NOTES, name) or 0)
end

local function parse(value)
  local since, lines = string.match(value, '^%d+'), {}
  for line in string.gmatch(value, '\n([^\n]+)') do
    lines[#lines + 1] = line
  end
  return since, lines
end

-- Since when the user is online, and the lines of the sessions; nil if the user is not.
local function read(user)
  local value = redis.call('HGET', ONLINE, user)
  if value then
    return parse(value)
  end
end

local function value_of(since, lines)
  return #lines == 0 and since or since .. '\n' .. table.concat(lines, '\n')
end

local function write(user, since, lines)
  redis.call('HSET', ONLINE, user, value_of(since, lines))
end

local function connection_of(line)
  return string.match(line, '^%S+')
end

local function node_of(connection)
  return string.match(connection, '^[^.]+')
end

-- <node>/<epoch>, as the lease of the session's node is called.
local function lease_of(line)
  local node, epoch = string.match(line, '^([^.]+)%S* (%d+)')
  return node .. '/' .. epoch
end

-- An order that its node finds when it next renews its lease.
local function order(node, what)
  redis.call('RPUSH', ORDERS .. ':' .. node, what)
  redis.call('PEXPIRE', ORDERS .. ':' .. node, ORDERS_KEPT)
end

-- Puts a change on the inbox: it stands there exactly if the user's entry has changed.
local function tell(what, user, data, entries, age)
  append(INBOX, entries, tonumber(age), {
    'id', what .. '-' .. text(now) .. '-' .. user, 'type', 'user.' .. what, 'user', user, 'data', data,
  })
end
