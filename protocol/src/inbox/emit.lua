-- A client emits an event: it goes to the inbox, once for each id that the client gives.
-- KEYS  1 the inbox (a Stream)   2 what is remembered of the id (a hash), if the client gave one
-- ARGV  1 entries at the most   2 milliseconds that an entry stays   3 milliseconds that an id is remembered
--       4 the connection   5 the ref of the frame, or empty   from 6 on: the entry's other fields, names and values
-- Answers a list: `new` or `again`, the entry, how many services read the inbox, and, of an event that was finished, the
-- answer that it had, else nothing.
local groups = 0
if redis.call('EXISTS', KEYS[1]) == 1 then groups = #redis.call('XINFO', 'GROUPS', KEYS[1]) end
groups = tostring(groups)
if KEYS[2] then
  local seen = redis.call('HMGET', KEYS[2], 'entry', 'answer')
  if seen[1] then
    -- Whoever asked last is told.
    if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'connection', ARGV[4], 'ref', ARGV[5]) end
    return { 'again', seen[1], groups, seen[2] or '' }
  end
end
local words = { 'connection', ARGV[4] }
if ARGV[5] ~= '' then
  words[3] = 'ref'
  words[4] = ARGV[5]
end
for at = 6, #ARGV do words[#words + 1] = ARGV[at] end
local entry = append(KEYS[1], ARGV[1], tonumber(ARGV[2]), words)
if KEYS[2] then
  redis.call('HSET', KEYS[2], 'entry', entry, 'connection', ARGV[4], 'ref', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return { 'new', entry, groups, '' }
