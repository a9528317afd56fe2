-- A worker leaves its group, unless something is still in its hand: that would be forgotten with it.
-- KEYS  1 the Stream   ARGV  1 the group   2 the worker
-- Answers 1 if it has left.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
