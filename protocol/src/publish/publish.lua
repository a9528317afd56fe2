-- Publishes an event, once per event id: appends it to the channel's log, or stores it as the value
-- of its key, and announces it.
--
-- keys  1 the log (a Stream)   2 the first reply to this event id   3 the sharded pub/sub channel
--       4 the channel's ends: the cursor of its last event and, after a space, the version of its
--         last retained value if there is one; they are kept longer than both
--       and, for a retained event or one with a record:
--       5 the retained values (a hash)   6 the delivery record (a hash)
--       7 the cursors of tracked events (a Stream)
-- args  1 class: d, r or v     2 the channel's name
--       3 the frame before its cursor   4 the frame after its cursor
--       5 time to live in ms, or empty
--       6 maximum events in the log   7 ms that an event stays in the log
--       8 ms that an id is remembered
--       and, for such an event:
--       9 the event's id, if it has a record   10 `w` if it is tracked, or empty
--       11 ms until its deadline, or empty   12 ms until its receipt closes
--       13 ms that its record is kept   14 its source
--       15 its key   16 maximum retained values   17 ms that retained values are kept
-- Returns `new <cursor> <nodes>`, or `again …` with the first reply; `-` stands for no cursor.

local call = redis.call

-- Returns the cursor of the channel's last event, and the version of its last retained value or ''.
local function ends(key)
  local text = call('GET', key)
  if not text then return '0-0', '' end
  local space = string.find(text, ' ', 1, true)
  if not space then return text, '' end
  return string.sub(text, 1, space - 1), string.sub(text, space + 1)
end

local function set_ends(key, log, version, millis)
  local text = log
  if version ~= '' then
    text = log .. ' ' .. version
    millis = math.max(millis, call('PTTL', key))
  end
  call('SET', key, text, 'PX', string.format('%.0f', millis))
end

-- Appends to the log and returns the cursor. Trimming and expiry run only for the first event of
-- each interval, 1/32 of the log's age. This is cheaper; an event may stay that much longer.
local function append(keys, args, is_tracked, now, previous, version, expires)
  local cursor
  if is_tracked then
    cursor = call('XADD', keys[1], 'MAXLEN', '~', args[6], '*', 'p', previous,
      'h', args[3], 't', args[4], 'x', expires, 'i', args[9])
  else
    cursor = call('XADD', keys[1], 'MAXLEN', '~', args[6], '*', 'p', previous,
      'h', args[3], 't', args[4], 'x', expires)
  end
  local age = args[7]
  local stretch = age / 32
  local last = tonumber(string.match(previous, '^%d+'))
  if version == '' and math.floor(last / stretch) == math.floor(now / stretch) then
    call('SET', keys[4], cursor, 'KEEPTTL')
    return cursor
  end
  call('XTRIM', keys[1], 'MINID', '~', string.format('%.0f', math.max(0, now - age)))
  call('PEXPIRE', keys[1], string.format('%.0f', age + stretch))
  -- Seven times as long: a client that resumes on an empty log still learns about a gap.
  set_ends(keys[4], cursor, version, 7 * age)
  return cursor
end

-- Returns the next version: the time or, if the clock has not advanced, the last version plus one.
local function later(version, now)
  local millis, sequence = string.match(version, '^(%d+)%-(%d+)$')
  if now > tonumber(millis) then return string.format('%.0f-0', now) end
  return millis .. '-' .. string.format('%.0f', sequence + 1)
end

-- Removes surplus retained values: expired ones first, then those with the oldest change.
local function bound(key, max, now)
  local excess = call('HLEN', key) - max
  if excess <= 0 then return end
  local fields, values = call('HGETALL', key), {}
  for at = 1, #fields, 2 do
    local millis, sequence, expires = string.match(fields[at + 1], '^(%d+)%-(%d+) %d+ (%S+)')
    local is_over = expires ~= '-' and tonumber(expires) <= now
    values[#values + 1] = { is_over and 0 or tonumber(millis), tonumber(sequence), fields[at] }
  end
  table.sort(values, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  for at = 1, excess do call('HDEL', key, values[at][3]) end
end

local function publish(keys, args)
  local has_record = (args[9] or '') ~= ''
  local is_tracked = (args[10] or '') ~= ''
  local seen = call('GET', keys[2])
  if not seen and has_record then seen = call('HGET', keys[6], 'answer') end
  if seen then return 'again ' .. seen end

  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local accepted = time[1] .. string.sub('00000' .. time[2], -6)
  local expires = ''
  if args[5] ~= '' then expires = string.format('%.0f', now + args[5]) end

  local cursor, position, previous, frame = '-', '-', '-'
  if args[1] == 'd' then
    local version
    previous, version = ends(keys[4])
    cursor = append(keys, args, is_tracked, now, previous, version, expires)
    position = cursor
    frame = args[3] .. ',"cursor":"' .. cursor .. '"' .. args[4]
  elseif args[1] == 'r' then
    local log, version = ends(keys[4])
    frame = args[3] .. args[4]
    previous = version == '' and '0-0' or version
    position = later(previous, now)
    local value = position .. ' ' .. accepted .. ' ' .. (expires == '' and '-' or expires) .. '\n' .. frame
    call('HSET', keys[5], args[15], value)
    call('PEXPIRE', keys[5], args[17])
    bound(keys[5], tonumber(args[16]), now)
    set_ends(keys[4], log, position, tonumber(args[17]))
  else
    frame = args[3] .. args[4]
  end

  local nodes = call('SPUBLISH', keys[3], '1 ' .. args[1] .. ' ' .. args[2] .. ' ' .. position .. ' ' .. previous .. ' ' ..
    accepted .. ' ' .. (expires == '' and '-' or expires) .. (is_tracked and ' ' .. args[9] or '') .. '\n' .. frame)
  local answer = cursor .. ' ' .. nodes
  call('SET', keys[2], answer, 'PX', args[8])

  if has_record then
    local deadline = ''
    if args[11] ~= '' then
      deadline = string.format('%.0f', now + args[11])
      -- The fallback stream gets the whole event, even if the log no longer has it.
      call('HSET', keys[6], 'frame', frame)
    end
    call('HSET', keys[6], 'accepted', string.format('%.0f', now), 'class', args[1], 'cursor', cursor,
      'expires', expires, 'deadline', deadline, 'closes', string.format('%.0f', now + args[12]),
      'source', args[14], 'nodes', nodes, 'answer', answer, 'watched', args[10])
    call('PEXPIRE', keys[6], args[13])
    if is_tracked and args[1] == 'd' then
      -- This Stream expires with the log at the latest, because cursors may then restart.
      -- It holds more events than the log: a slow client may acknowledge events that are no longer
      -- in the log.
      call('XADD', keys[7], 'MAXLEN', '~', 100000, cursor, 'i', args[9])
      call('PEXPIRE', keys[7], args[7])
    end
  end
  return 'new ' .. answer
end
