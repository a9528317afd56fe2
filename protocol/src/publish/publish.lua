-- Appends an event to its channel's log, or keeps it as the value of its key, and announces it, in one step; once per
-- event id.
--
-- keys  1 the log (a Stream)   2 what is remembered of the event's id   3 the sharded pub/sub channel
--       4 the channel's ends: the cursor of its last event, and behind a space the version of its last retained value
--         if there is one; they outlive both
--       and, of an event that is retained or has a record:
--       5 the retained values (a hash)   6 the record (a hash)   7 the cursors of watched events (a Stream)
-- args  1 class: d, r or v     2 the channel's name
--       3 the frame up to its cursor   4 the frame behind it
--       5 milliseconds that it is worth delivering, or empty
--       6 events in a log   7 milliseconds that an event stays in it   8 milliseconds that an id is remembered
--       and, of such an event:
--       9 its id, if it has a record   10 whether that is watched: w or empty
--       11 milliseconds until its deadline, or empty   12 milliseconds until its receipt closes
--       13 milliseconds that its record is kept   14 its source
--       15 its key   16 values that are kept   17 milliseconds that they are kept
-- Answers `new <cursor> <nodes>`, or `again …` with what the first time answered; `-` where there is no cursor.

local function ends(key)
  local text = redis.call('GET', key)
  if not text then return '0-0', '' end
  return string.match(text, '^(%S+) ?(%S*)$')
end

local function set_ends(key, log, version, millis)
  local text = log
  if version ~= '' then
    text = log .. ' ' .. version
    millis = math.max(millis, redis.call('PTTL', key))
  end
  redis.call('SET', key, text, 'PX', string.format('%.0f', millis))
end

-- The version behind this one: the time, or, where the clock has not moved on, one more.
local function later(version, now)
  local millis, sequence = string.match(version, '^(%d+)%-(%d+)$')
  if now > tonumber(millis) then return string.format('%.0f-0', now) end
  return millis .. '-' .. string.format('%.0f', sequence + 1)
end

-- Makes room among the retained values: what has expired goes first, then what was changed longest ago.
local function bound(key, most, now)
  local excess = redis.call('HLEN', key) - most
  if excess <= 0 then return end
  local fields, values = redis.call('HGETALL', key), {}
  for at = 1, #fields, 2 do
    local millis, sequence, expires = string.match(fields[at + 1], '^(%d+)%-(%d+) %d+ (%S+)')
    local is_over = expires ~= '-' and tonumber(expires) <= now
    values[#values + 1] = { is_over and 0 or tonumber(millis), tonumber(sequence), fields[at] }
  end
  table.sort(values, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  for at = 1, excess do redis.call('HDEL', key, values[at][3]) end
end

local function publish(keys, args)
  local has_record = (args[9] or '') ~= ''
  local is_watched = (args[10] or '') ~= ''
  local seen = redis.call('GET', keys[2])
  if not seen and has_record then seen = redis.call('HGET', keys[6], 'answer') end
  if seen then return 'again ' .. seen end

  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local accepted = time[1] .. string.format('%06d', time[2])
  local expires = ''
  if args[5] ~= '' then expires = string.format('%.0f', now + args[5]) end

  local cursor, place, previous, frame = '-', '-', '-', args[3] .. args[4]
  if args[1] == 'd' then
    local version
    previous, version = ends(keys[4])
    if is_watched then
      cursor = redis.call('XADD', keys[1], 'MAXLEN', '~', args[6], '*', 'p', previous,
        'h', args[3], 't', args[4], 'x', expires, 'i', args[9])
    else
      cursor = redis.call('XADD', keys[1], 'MAXLEN', '~', args[6], '*', 'p', previous,
        'h', args[3], 't', args[4], 'x', expires)
    end
    redis.call('XTRIM', keys[1], 'MINID', '~', string.format('%.0f', math.max(0, now - args[7])))
    redis.call('PEXPIRE', keys[1], args[7])
    -- Seven times as long: a client that comes back to an empty log is still told whether it has missed anything.
    set_ends(keys[4], cursor, version, 7 * args[7])
    place = cursor
    frame = args[3] .. ',"cursor":"' .. cursor .. '"' .. args[4]
  elseif args[1] == 'r' then
    local log, version = ends(keys[4])
    previous = version == '' and '0-0' or version
    place = later(previous, now)
    local value = place .. ' ' .. accepted .. ' ' .. (expires == '' and '-' or expires) .. '\n' .. frame
    redis.call('HSET', keys[5], args[15], value)
    redis.call('PEXPIRE', keys[5], args[17])
    bound(keys[5], tonumber(args[16]), now)
    set_ends(keys[4], log, place, tonumber(args[17]))
  end

  local header = table.concat({ '1', args[1], args[2], place, previous, accepted, expires == '' and '-' or expires }, ' ')
  if is_watched then header = header .. ' ' .. args[9] end
  local nodes = redis.call('SPUBLISH', keys[3], header .. '\n' .. frame)
  local answer = cursor .. ' ' .. nodes
  redis.call('SET', keys[2], answer, 'PX', args[8])

  if has_record then
    local deadline = ''
    if args[11] ~= '' then
      deadline = string.format('%.0f', now + args[11])
      -- Whoever takes it over at its deadline gets it whole, also when the log has lost it.
      redis.call('HSET', keys[6], 'frame', frame)
    end
    redis.call('HSET', keys[6], 'accepted', string.format('%.0f', now), 'class', args[1], 'cursor', cursor,
      'expires', expires, 'deadline', deadline, 'closes', string.format('%.0f', now + args[12]),
      'source', args[14], 'nodes', nodes, 'answer', answer, 'watched', args[10])
    redis.call('PEXPIRE', keys[6], args[13])
    if is_watched and args[1] == 'd' then
      -- It expires with the log at the latest, and with that its cursors may begin anew.
      redis.call('XADD', keys[7], 'MAXLEN', '~', args[6], cursor, 'i', args[9])
      redis.call('PEXPIRE', keys[7], args[7])
    end
  end
  return 'new ' .. answer
end
