-- Finishes an entry of the inbox for a service: acknowledges it once, and adds a dead letter if the
-- service gave up. The reply is kept for clients that emit the same id again.
-- KEYS  1 the inbox (a Stream)   2 the dead letters (a Stream)
--       3 the state of the event's id (a hash), which may be absent
-- ARGV  1 the group   2 the entry   3 the reply: `reply <JSON>`, `error <code>` or empty
--       4 maximum number of dead letters, or empty without one   from 5: the dead letter's fields
-- Returns a list: `done`, or `gone` if the entry was finished before; then the connection and the
-- `ref` that get the reply instead of the entry's own, or two empty strings.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return { 'gone', '', '' } end
if ARGV[4] ~= '' then
  local fields = {}
  for at = 5, #ARGV do fields[#fields + 1] = ARGV[at] end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', unpack(fields))
end
local seen = redis.call('HMGET', KEYS[3], 'entry', 'connection', 'ref')
if seen[1] ~= ARGV[2] then return { 'done', '', '' } end
-- The first reply stays. A large one is not stored, to save memory.
if ARGV[3] ~= '' and #ARGV[3] <= 16384 then redis.call('HSETNX', KEYS[3], 'answer', ARGV[3]) end
return { 'done', seen[2] or '', seen[3] or '' }
