-- An entry goes to the dead letters and is done with, in one step, so that it gets there once.
-- KEYS  1 the Stream   2 the dead letters (a Stream)
-- ARGV  1 the group   2 the entry   3 dead letters at the most   from 4 on: names and values
-- Answers 1 if it was not done with before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
local words = {}
for at = 4, #ARGV do words[#words + 1] = ARGV[at] end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(words))
return 1
