-- Removes a piece of the sessions of a lease that has ended. Doing it twice is doing it once.
-- ARGV  1 the lease   2 the cursor, at first 0   3 users of a piece   4 milliseconds of grace
--       5 milliseconds for which the lease is still one node's to clear up
-- Answers the next cursor; 0 if there is no more.
local heard = redis.call('ZSCORE', ENDED, ARGV[1])
if not heard then
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
    for place = before, 1, -1 do
      if lease_of(lines[place]) == ARGV[1] then
        table.remove(lines, place)
      end
    end
    if #lines < before then
      write(user, since, lines)
      if #lines == 0 then
        redis.call('ZADD', LEAVING, text(math.max(now, heard + ARGV[4])), user)
      end
    end
  end
end
if scanned[1] == '0' then
  redis.call('ZREM', ENDED, ARGV[1])
  redis.call('HDEL', NOTES, 'clearing ' .. ARGV[1], 'batch ' .. ARGV[1])
end
return scanned[1]
