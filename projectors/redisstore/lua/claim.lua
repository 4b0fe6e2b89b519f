-- Bumps the generation of a position.
-- KEYS: the position. ARGV: the id of the live topic.
-- Returns a word, and the position as it is now.
local function position()
  return redis.call('HMGET', KEYS[1], 'topic_id', 'generation', 'next_offset', 'leader_epoch', 'hold', 'target',
    'pace', 'cause')
end

local at = position()
if not at[1] then
  return {'gone'}
end
if at[1] ~= ARGV[1] then
  return {'other topic', unpack(at)}
end
if at[5] ~= '0' then
  return {'held', unpack(at)}
end
redis.call('HINCRBY', KEYS[1], 'generation', 1)
return {'ok', unpack(position())}
