-- A service is done with an entry of the inbox: it is acknowledged, once, and goes to the dead letters if it failed for
-- good. What the emitter is told is kept for those who emit the same id again.
-- KEYS  1 the inbox (a Stream)   2 the dead letters (a Stream)
--       3 what is remembered of the event's id (a hash), whether or not there is anything
-- ARGV  1 the group   2 the entry   3 the answer: `reply <JSON>` or `error <code>`, or empty
--       4 dead letters at the most, or empty if it is none   from 5 on: the dead letter, names and values
-- Answers a list: `done`, or `gone` if it was done with before; then the connection and the ref that are to be told
-- instead of the entry's own, or nothing twice.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return { 'gone', '', '' } end
if ARGV[4] ~= '' then
  local words = {}
  for at = 5, #ARGV do words[#words + 1] = ARGV[at] end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', unpack(words))
end
local seen = redis.call('HMGET', KEYS[3], 'entry', 'connection', 'ref')
if seen[1] ~= ARGV[2] then return { 'done', '', '' } end
-- The first answer stays. A large one is not worth its memory.
if ARGV[3] ~= '' and #ARGV[3] <= 16384 then redis.call('HSETNX', KEYS[3], 'answer', ARGV[3]) end
return { 'done', seen[2] or '', seen[3] or '' }
