-- Throttles and claims a batch of submissions, each as if it came alone.
-- KEYS: of each submission the throttle key and the claim key.
-- ARGV: the limit (0: no throttle), the window in ms, the claim's life in ms, then of each submission its receipt.
-- Answer: of each submission 1 = claimed, 2 = held by the same receipt already, 0 = held by another one,
-- or -ms = over the limit for so long. Over the limit no claim is made.
local limit, window, life = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local function over(key)
  if limit == 0 then return 0 end
  local count = redis.call('INCR', key)
  local left = window
  if count == 1 then
    redis.call('PEXPIRE', key, window)
  elseif count > limit then
    left = redis.call('PTTL', key)
    if left < 0 then -- a key without an end: somebody else's, or of a time before this script
      redis.call('PEXPIRE', key, window)
      left = window
    end
  end
  if count > limit then return math.max(left, 1) end
  return 0
end

local function claim(key, receipt)
  if redis.call('SET', key, 'c|' .. receipt, 'NX', 'PX', life) then return 1 end
  local held = redis.call('GET', key)
  -- the dedup projection replaces a claim by o|receipt|T once the event has opened a window
  local mine = held and (held == 'c|' .. receipt or string.sub(held, 1, #receipt + 3) == 'o|' .. receipt .. '|')
  return mine and 2 or 0
end

local answers = {}
for i = 1, #ARGV - 3 do
  local left = over(KEYS[2 * i - 1])
  answers[i] = left > 0 and -left or claim(KEYS[2 * i], ARGV[i + 3])
end
return answers
