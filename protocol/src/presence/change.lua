-- Writes what has changed on a node: sessions that came, and sessions that went.
-- ARGV  1 node   2 epoch   3 number of the batch   4 milliseconds of grace   5 sessions that a user may have; 0 is any
--       number   6 `replace_oldest` or `refuse`   7, 8 entries and milliseconds that the inbox keeps
--       and for each change 6: `came` (it wants to be let in) or `back` (it is there, and is entered again), user,
--       connection, its age in milliseconds, transport, device; or 3: `left`, user, connection
-- Answers  1 `done`; `gone` if the lease has ended, or `late` if a later batch was here before, and then nothing was done
--          and then three for each session that must not be: `refused` or `replaced`, user, connection
local epoch, grace, most = ARGV[2], ARGV[4], tonumber(ARGV[5])
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

local function lives(lease)
  if living[lease] == nil then
    local till = redis.call('ZSCORE', LEASES, lease)
    living[lease] = till and (is_held or tonumber(till) > now) or false
  end
  return living[lease]
end

local function must_not_be(why, user, connection)
  if why == 'replaced' and node_of(connection) ~= ARGV[1] then
    order(node_of(connection), 'order evict ' .. connection .. '\n')
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

local function begun(line)
  return tonumber(string.match(line, '^%S+ %d+ (%d+)'))
end

local function oldest(lines)
  local found = 1
  for at, line in ipairs(lines) do
    if begun(line) < begun(lines[found]) then
      found = at
    end
  end
  return found
end

-- Makes the lines such as the policy has them. False if the session is not among them then.
local function admit(user, connection, lines, line, is_new)
  for at = #lines, 1, -1 do
    if not lives(lease_of(lines[at])) then
      table.remove(lines, at)
    end
  end
  if #lines >= most and ARGV[6] == 'refuse' then
    must_not_be(is_new and 'refused' or 'replaced', user, connection)
    return
  end
  lines[#lines + 1] = line
  while #lines > most do
    local at = oldest(lines)
    must_not_be('replaced', user, connection_of(lines[at]))
    table.remove(lines, at)
  end
end

-- Each user as the batch finds it, and then as the changes make it. What becomes of it is written at the end, for all
-- users together: a storm of clients is not to be a storm of calls.
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

local come = {}
local just_now, gone_then, begun_then = text(now), text(now + grace), {}

local function enter(verb, user, connection, age, transport, device)
  local person = people[user]
  begun_then[age] = begun_then[age] or text(now - age)
  local line = connection .. ' ' .. epoch .. ' ' .. begun_then[age] .. ' ' .. transport
  if device ~= '' then
    line = line .. ' ' .. device
  end
  local lines = person.lines
  local at = find(lines, connection)
  if at then
    lines[at] = line
  elseif most > 0 then
    admit(user, connection, lines, line, verb == 'came')
  else
    lines[#lines + 1] = line
  end
  person.has_changed, person.has_left = true, false
  if not person.since then
    person.since = just_now
    come[#come + 1] = user
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
    enter(unpack(ARGV, at, at + 5))
    at = at + 6
  end
end

local function all(command, key, words)
  if #words > 0 then
    redis.call(command, key, unpack(words))
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
    leaving[#leaving + 1] = gone_then
    leaving[#leaving + 1] = user
  elseif person.was_leaving and #person.lines > 0 then
    staying[#staying + 1] = user
  end
end
for _, user in ipairs(come) do
  listed[#listed + 1] = '0'
  listed[#listed + 1] = user
end
all('HSET', ONLINE, values)
all('ZADD', USERS, listed)
all('ZADD', LEAVING, leaving)
all('ZREM', LEAVING, staying)
for _, user in ipairs(come) do
  tell('online', user, '{"since":' .. people[user].since .. '}', ARGV[7], ARGV[8])
end
return answer
