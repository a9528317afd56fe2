-- Writes what has changed on a node: sessions that came, and sessions that went.
-- ARGV  1 node   2 epoch   3 number of the batch   4 milliseconds of grace   5 sessions that a user may have; 0 is any
--       number   6 `replace_oldest` or `refuse`   7, 8 entries and milliseconds that the inbox keeps
--       and for each change 6: `came` (it wants to be let in), `back` (it is there, and is entered again) or `left`,
--       user, connection, its age in milliseconds, transport, device
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
    if connection_of(line) == connection then
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

local function enter(verb, user, connection, age, transport, device)
  local since, lines = read(user)
  local was_online = since ~= nil
  local line = connection .. ' ' .. epoch .. ' ' .. text(now - age) .. ' ' .. transport
  if device ~= '' then
    line = line .. ' ' .. device
  end
  since, lines = since or text(now), lines or {}
  local at = find(lines, connection)
  if #lines == 0 and was_online then
    redis.call('ZREM', LEAVING, user)
  end
  if at then
    lines[at] = line
  elseif most > 0 then
    admit(user, connection, lines, line, verb == 'came')
  else
    lines[#lines + 1] = line
  end
  write(user, since, lines)
  if not was_online then
    redis.call('ZADD', USERS, 0, user)
    tell('online', user, '{"since":' .. since .. '}', ARGV[7], ARGV[8])
  end
end

local function leave(user, connection)
  local since, lines = read(user)
  local at = since and find(lines, connection)
  if not at then
    return
  end
  table.remove(lines, at)
  write(user, since, lines)
  if #lines == 0 then
    redis.call('ZADD', LEAVING, text(now + grace), user)
  end
end

for at = 9, #ARGV, 6 do
  if ARGV[at] == 'left' then
    leave(ARGV[at + 1], ARGV[at + 2])
  else
    enter(unpack(ARGV, at, at + 5))
  end
end
return answer
