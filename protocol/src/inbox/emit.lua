-- Adds a client's event to the inbox, once for each id that the client chooses.
-- KEYS  1 the inbox (a Stream)   2 the state of the id (a hash), if the client chose one
-- ARGV  1 maximum number of entries   2 ms that an entry is kept   3 ms that an id is remembered
--       4 the connection   5 the ref of the frame, or empty   from 6: the entry's other fields
-- Returns a list: `new` or `again`, the entry, the number of consumer groups, and the reply of a
-- finished event or ''.
local groups = 0
if redis.call('EXISTS', KEYS[1]) == 1 then groups = #redis.call('XINFO', 'GROUPS', KEYS[1]) end
groups = tostring(groups)
if KEYS[2] then
  local seen = redis.call('HMGET', KEYS[2], 'entry', 'answer')
  if seen[1] then
    -- The reply goes to the last connection that emitted the id.
    if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'connection', ARGV[4], 'ref', ARGV[5]) end
    return { 'again', seen[1], groups, seen[2] or '' }
  end
end
local fields = { 'connection', ARGV[4] }
if ARGV[5] ~= '' then
  fields[3] = 'ref'
  fields[4] = ARGV[5]
end
for at = 6, #ARGV do fields[#fields + 1] = ARGV[at] end
local entry = append(KEYS[1], ARGV[1], tonumber(ARGV[2]), fields)
if KEYS[2] then
  redis.call('HSET', KEYS[2], 'entry', entry, 'connection', ARGV[4], 'ref', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return { 'new', entry, groups, '' }
