-- Removes a worker from its group, unless it has pending entries: they would be deleted with it.
-- KEYS  1 the Stream   ARGV  1 the group   2 the worker
-- Returns 1 if the worker was removed.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
