-- Common part of all presence scripts, after `append.lua`. All keys belong to one shard.
-- KEYS  1 the online users (a hash)   2 their ids for paging (a sorted set, all scores 0)
--       3 users in their grace period, by its end (a sorted set)
--       4 the nodes' leases (a sorted set)
--       5 ended leases whose sessions must be removed (a sorted set)
--       6 other state of the shard (a hash)
--       7 the inbox (a Stream)   8 the prefix of the nodes' command lists
--
-- A user's entry is the time since when the user is online, then one line for each open session:
-- <connection> <epoch of its node's lease> <begin, ms> <transport>[ <device>]
local ONLINE, USERS, LEAVING, LEASES, ENDED, NOTES, INBOX, COMMANDS = unpack(KEYS)
local COMMANDS_KEPT = 60000
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

-- Returns since when the user is online, and the lines of the sessions; nil if the user is offline.
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

-- Returns the lease of the session's node: <node>/<epoch>.
local function lease_of(line)
  local node, epoch = string.match(line, '^([^.]+)%S* (%d+)')
  return node .. '/' .. epoch
end

-- Adds a command to the node's list; the node gets it when it next renews its lease.
local function send_command(node, command)
  redis.call('RPUSH', COMMANDS .. ':' .. node, command)
  redis.call('PEXPIRE', COMMANDS .. ':' .. node, COMMANDS_KEPT)
end

-- Adds a presence event to the inbox, in the same step as the change of the user's entry.
local function add_event(change, user, data, entries, age)
  append(INBOX, entries, tonumber(age), {
    'id', change .. '-' .. text(now) .. '-' .. user, 'type', 'user.' .. change, 'user', user, 'data', data,
  })
end
