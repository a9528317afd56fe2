-- Removes part of the sessions of an ended lease. Repeating it is safe.
-- ARGV  1 the lease   2 the cursor, at first 0   3 users to scan   4 grace period in ms
--       5 ms for which clearing the lease is reserved for this node
-- Returns the next cursor; 0 at the end.
local last_seen = redis.call('ZSCORE', ENDED, ARGV[1])
if not last_seen then
  return '0'
end
redis.call('HSET', NOTES, 'clearing ' .. ARGV[1], text(now + ARGV[5]))
local node = string.match(ARGV[1], '^[^/]+')
local scanned = redis.call('HSCAN', ONLINE, ARGV[2], 'COUNT', ARGV[3])
for at = 1, #scanned[2], 2 do
  local user, value = scanned[2][at], scanned[2][at + 1]
  if string.find(value, '\n' .. node .. '.', 1, true) then
    local since, lines = parse(value)
    local before = #lines
    for index = before, 1, -1 do
      if lease_of(lines[index]) == ARGV[1] then
        table.remove(lines, index)
      end
    end
    if #lines < before then
      write(user, since, lines)
      if #lines == 0 then
        redis.call('ZADD', LEAVING, text(math.max(now, last_seen + ARGV[4])), user)
      end
    end
  end
end
if scanned[1] == '0' then
  redis.call('ZREM', ENDED, ARGV[1])
  redis.call('HDEL', NOTES, 'clearing ' .. ARGV[1], 'batch ' .. ARGV[1])
end
return scanned[1]
