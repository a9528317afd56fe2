-- Renews a worker's lease on entries, so that no other worker takes them over. Skips entries that
-- were taken over already.
-- KEYS  1 the Stream
-- ARGV  1 the group   2 the worker   3 and following: the entries
-- Returns how many are still the worker's.
local kept = 0
for at = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID')
    kept = kept + 1
  end
end
return kept
