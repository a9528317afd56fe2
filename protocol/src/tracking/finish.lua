-- Finishes with a timer after its alarm: what has to be told is told once, since telling and forgetting are one step.
-- KEYS  1 the timers   2 the fallback (a Stream)   3 the receipts (a Stream)
--       4 what has fallen back of late (a sorted set)
-- ARGV  1 done, later, absent, outcome or fallback   2 the timer   3 milliseconds since the Unix epoch
--       4 what has become of the event   5 its id   6 its channel   7 its frame
-- Answers 1 if somebody was told.
local MOST_FALLBACKS, MOST_RECEIPTS, REMEMBERED, PATIENCE = 1000000, 100000, 86400000, 60000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget_old()
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now - REMEMBERED))
end

local function tell(outcome)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', MOST_RECEIPTS, '*',
    'id', ARGV[5], 'channel', ARGV[6], 'outcome', outcome, 'at', ARGV[3])
end

if ARGV[1] == 'later' then
  redis.call('ZADD', KEYS[1], 'XX', ARGV[3], ARGV[2])
elseif ARGV[1] == 'done' then
  redis.call('ZREM', KEYS[1], ARGV[2])
elseif ARGV[1] == 'absent' then
  -- Its publishing may still be on its way, for a while; then its publisher has died before.
  local since = 'absent ' .. ARGV[2]
  forget_old()
  redis.call('ZADD', KEYS[4], 'NX', string.format('%.0f', now), since)
  if now - redis.call('ZSCORE', KEYS[4], since) < PATIENCE then
    redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + 3000), ARGV[2])
  else
    redis.call('ZREM', KEYS[1], ARGV[2])
    redis.call('ZREM', KEYS[4], since)
  end
elseif ARGV[1] == 'outcome' then
  if redis.call('ZREM', KEYS[1], ARGV[2]) == 1 then
    tell(ARGV[4])
    return 1
  end
elseif ARGV[1] == 'fallback' then
  redis.call('ZREM', KEYS[1], ARGV[2])
  forget_old()
  -- A publisher that tries again may have set the timer once more.
  if redis.call('ZADD', KEYS[4], 'NX', string.format('%.0f', now), ARGV[2]) == 1 then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', MOST_FALLBACKS, '*',
      'id', ARGV[5], 'channel', ARGV[6], 'at', ARGV[3], 'event', ARGV[7])
    tell('fallen_back')
    return 1
  end
end
return 0
