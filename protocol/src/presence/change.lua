-- Writes a batch of changes on a node: sessions that join and sessions that leave.
-- ARGV  1 node   2 epoch   3 batch number   4 grace period in ms
--       5 maximum sessions of a user; 0 means no limit   6 `replace_oldest` or `refuse`
--       7, 8 maximum entries and age in ms of the inbox
--       then for each session that joins: `came`, or `back` for one that is written again, user,
--       connection, its age in ms, transport, device; for each one that leaves: `left`, user,
--       connection
-- Returns  1 `done`; or, with nothing written, `gone` if the lease has ended or `late` if a later
--          batch was written; then for each session that must close: `refused` or `replaced`,
--          user, connection
local epoch, grace, max = ARGV[2], ARGV[4], tonumber(ARGV[5])
local me = ARGV[1] .. '/' .. epoch
if not redis.call('ZSCORE', LEASES, me) then
  return {'gone'}
end
if note('batch ' .. me) >= tonumber(ARGV[3]) then
  return {'late'}
end
redis.call('HSET', NOTES, 'batch ' .. me, ARGV[3])
local answer = {'done'}
local is_held = now < note('held')
local living = {}

local function is_alive(lease)
  if living[lease] == nil then
    local till = redis.call('ZSCORE', LEASES, lease)
    living[lease] = till and (is_held or tonumber(till) > now) or false
  end
  return living[lease]
end

local function close_session(why, user, connection)
  if why == 'replaced' and node_of(connection) ~= ARGV[1] then
    send_command(node_of(connection), 'order evict ' .. connection .. '\n')
  end
  for _, word in ipairs({why, user, connection}) do
    answer[#answer + 1] = word
  end
end

local function find(lines, connection)
  for at, line in ipairs(lines) do
    if string.sub(line, 1, #connection) == connection and string.byte(line, #connection + 1) == 32 then
      return at
    end
  end
end

local function begin_of(line)
  return tonumber(string.match(line, '^%S+ %d+ (%d+)'))
end

local function oldest(lines)
  local found = 1
  for at, line in ipairs(lines) do
    if begin_of(line) < begin_of(lines[found]) then
      found = at
    end
  end
  return found
end

-- Adds the session to the lines and applies the limit on sessions.
local function join_limited(user, connection, lines, line, is_new)
  for at = #lines, 1, -1 do
    if not is_alive(lease_of(lines[at])) then
      table.remove(lines, at)
    end
  end
  if #lines >= max and ARGV[6] == 'refuse' then
    close_session(is_new and 'refused' or 'replaced', user, connection)
    return
  end
  lines[#lines + 1] = line
  while #lines > max do
    local at = oldest(lines)
    close_session('replaced', user, connection_of(lines[at]))
    table.remove(lines, at)
  end
end

-- The users of the batch, first as stored, then with the changes applied. All users are written
-- together at the end: many changes must not cause many calls.
local people, names = {}, {}
local at = 9
while ARGV[at] do
  local user = ARGV[at + 1]
  if not people[user] then
    people[user] = {lines = {}}
    names[#names + 1] = user
  end
  at = at + (ARGV[at] == 'left' and 3 or 6)
end
if #names == 0 then
  return answer
end
for at, value in ipairs(redis.call('HMGET', ONLINE, unpack(names))) do
  if value then
    local person = people[names[at]]
    person.since, person.lines = parse(value)
    person.was_leaving = #person.lines == 0
  end
end

local new_users = {}
local online_since, offline_at, begin_times = text(now), text(now + grace), {}

local function join(verb, user, connection, age, transport, device)
  local person = people[user]
  begin_times[age] = begin_times[age] or text(now - age)
  local line = connection .. ' ' .. epoch .. ' ' .. begin_times[age] .. ' ' .. transport
  if device ~= '' then
    line = line .. ' ' .. device
  end
  local lines = person.lines
  local at = find(lines, connection)
  if at then
    lines[at] = line
  elseif max > 0 then
    join_limited(user, connection, lines, line, verb == 'came')
  else
    lines[#lines + 1] = line
  end
  person.has_changed, person.has_left = true, false
  if not person.since then
    person.since = online_since
    new_users[#new_users + 1] = user
  end
end

local function leave(user, connection)
  local person = people[user]
  local at = find(person.lines, connection)
  if at then
    table.remove(person.lines, at)
    person.has_changed, person.has_left = true, #person.lines == 0
  end
end

at = 9
while ARGV[at] do
  if ARGV[at] == 'left' then
    leave(ARGV[at + 1], ARGV[at + 2])
    at = at + 3
  else
    join(unpack(ARGV, at, at + 5))
    at = at + 6
  end
end

local function call_with(command, key, arguments)
  if #arguments > 0 then
    redis.call(command, key, unpack(arguments))
  end
end

local values, listed, leaving, staying = {}, {}, {}, {}
for _, user in ipairs(names) do
  local person = people[user]
  if person.has_changed then
    values[#values + 1] = user
    values[#values + 1] = value_of(person.since, person.lines)
  end
  if person.has_left then
    leaving[#leaving + 1] = offline_at
    leaving[#leaving + 1] = user
  elseif person.was_leaving and #person.lines > 0 then
    staying[#staying + 1] = user
  end
end
for _, user in ipairs(new_users) do
  listed[#listed + 1] = '0'
  listed[#listed + 1] = user
end
call_with('HSET', ONLINE, values)
call_with('ZADD', USERS, listed)
call_with('ZADD', LEAVING, leaving)
call_with('ZREM', LEAVING, staying)
for _, user in ipairs(new_users) do
  add_event('online', user, '{"since":' .. people[user].since .. '}', ARGV[7], ARGV[8])
end
return answer
