-- Adds an entry to the dead letters and acknowledges it, in one step, so that it becomes a dead
-- letter once.
-- KEYS  1 the Stream   2 the dead letters (a Stream)
-- ARGV  1 the group   2 the entry   3 maximum number of dead letters
--       4 and following: field names and values
-- Returns 1 if the entry was still pending.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
local fields = {}
for at = 4, #ARGV do fields[#fields + 1] = ARGV[at] end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(fields))
return 1
