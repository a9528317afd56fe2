-- Finishes a timer with the result of its alarm. Writing the result and removing the timer is one
-- step, so each result is written once.
-- KEYS  1 the timers   2 the fallback stream   3 the receipts (a Stream)
--       4 recent fallbacks (a sorted set)
-- ARGV  1 `done`, `later`, `absent`, `outcome` or `fallback`   2 the timer
--       3 ms since the Unix epoch   4 the final state   5 the event's id   6 its channel
--       7 its frame
-- Returns 1 if a receipt was added.
local MAX_FALLBACKS, MAX_RECEIPTS, REMEMBERED, ABSENT_TIMEOUT = 1000000, 100000, 86400000, 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget_old()
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now - REMEMBERED))
end

local function add_receipt(outcome)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', MAX_RECEIPTS, '*',
    'id', ARGV[5], 'channel', ARGV[6], 'outcome', outcome, 'at', ARGV[3])
end

if ARGV[1] == 'later' then
  redis.call('ZADD', KEYS[1], 'XX', ARGV[3], ARGV[2])
elseif ARGV[1] == 'done' then
  redis.call('ZREM', KEYS[1], ARGV[2])
elseif ARGV[1] == 'absent' then
  -- The publish call may still be running. After a while, the publisher has died before the call.
  local since = 'absent ' .. ARGV[2]
  forget_old()
  redis.call('ZADD', KEYS[4], 'NX', string.format('%.0f', now), since)
  if now - redis.call('ZSCORE', KEYS[4], since) < ABSENT_TIMEOUT then
    redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + 3000), ARGV[2])
  else
    redis.call('ZREM', KEYS[1], ARGV[2])
    redis.call('ZREM', KEYS[4], since)
  end
elseif ARGV[1] == 'outcome' then
  if redis.call('ZREM', KEYS[1], ARGV[2]) == 1 then
    add_receipt(ARGV[4])
    return 1
  end
elseif ARGV[1] == 'fallback' then
  redis.call('ZREM', KEYS[1], ARGV[2])
  forget_old()
  -- A publisher that retries may have set the timer again.
  if redis.call('ZADD', KEYS[4], 'NX', string.format('%.0f', now), ARGV[2]) == 1 then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', MAX_FALLBACKS, '*',
      'id', ARGV[5], 'channel', ARGV[6], 'at', ARGV[3], 'event', ARGV[7])
    add_receipt('fallen_back')
    return 1
  end
end
return 0
