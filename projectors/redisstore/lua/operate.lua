-- Changes fields of a position, as an operator asked for, and stores the hole that belongs to the change.
-- KEYS: the position, and the hash of holes.
-- ARGV: topic id and generation that the position must have, and the next offset: empty for any. The field and the value of
-- the hole, and its end, empty for none. Then names and values of the fields to set.
-- Returns a word, and the position as it is now.
local function position()
  return redis.call('HMGET', KEYS[1], 'topic_id', 'generation', 'next_offset', 'leader_epoch', 'hold', 'target',
    'pace', 'cause')
end

local at = position()
if not at[1] then
  return {'gone'}
end
if ARGV[1] ~= '' and ARGV[1] ~= at[1] or ARGV[2] ~= '' and ARGV[2] ~= at[2] then
  return {'fenced', unpack(at)}
end
if ARGV[3] ~= '' and ARGV[3] ~= at[3] then
  return {'not forward', unpack(at)}
end
if ARGV[4] ~= '' then
  local known = redis.call('HGET', KEYS[2], ARGV[4])
  if not known or cjson.decode(known).to_offset <= tonumber(ARGV[6]) then -- a hole never shrinks
    redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
  end
end
for i = 7, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
if ARGV[2] ~= '' then
  redis.call('HINCRBY', KEYS[1], 'generation', 1)
end
return {'ok', unpack(position())}
