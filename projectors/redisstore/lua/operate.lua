-- Changes fields of a position, as an operator asked for, and does what belongs to the change, all or nothing: a hole, and
-- writes to the view.
-- KEYS: the position, the hash of holes, then a key for each write.
-- ARGV: topic id and generation that the position must have, and the next offset: empty for any. The field and the value of
-- the hole, and its end, empty for none. Then for each write a value and when it expires, in Unix ms; 0 deletes the key if
-- that is its value. Then names and values of the fields to set.
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
local set = 7
for i = 3, #KEYS do
  local value, expires = ARGV[set], ARGV[set + 1]
  if expires ~= '0' then
    redis.call('SET', KEYS[i], value, 'PXAT', expires)
  elseif redis.pcall('GET', KEYS[i]) == value then
    redis.call('DEL', KEYS[i])
  end
  set = set + 2
end
for i = set, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
if ARGV[2] ~= '' then
  redis.call('HINCRBY', KEYS[1], 'generation', 1)
end
return {'ok', unpack(position())}
