-- Moves a position and does the writes that belong to the move, all or nothing.
-- KEYS: the position, then a key for each write.
-- ARGV: topic id, generation and next offset that the position must have, and its new generation, next offset, leader
-- epoch, pace and cause. An empty expected offset stands for any at or past the new one: a rewind, which leaves a pause as it
-- is. Then for each write a value and when it expires, in Unix ms; 0 deletes the key if that is its value.
-- Returns a word, and with "not back" the stored next offset, with "ok" the stored hold.
local at = redis.call('HMGET', KEYS[1], 'topic_id', 'generation', 'next_offset', 'hold')
if not at[1] then
  return {'gone'}
end
if at[4] ~= '0' and ARGV[3] ~= '' then
  return {'held'}
end
if at[1] ~= ARGV[1] or at[2] ~= ARGV[2] then
  return {'fenced'}
end
if ARGV[3] == '' then
  if tonumber(ARGV[5]) > tonumber(at[3]) then
    return {'not back', at[3]}
  end
elseif at[3] ~= ARGV[3] then
  return {'fenced'}
end
for i = 2, #KEYS do
  local value, expires = ARGV[2 * i + 5], ARGV[2 * i + 6]
  if expires ~= '0' then
    redis.call('SET', KEYS[i], value, 'PXAT', expires)
  elseif redis.pcall('GET', KEYS[i]) == value then
    redis.call('DEL', KEYS[i])
  end
end
redis.call('HSET', KEYS[1], 'generation', ARGV[4], 'next_offset', ARGV[5], 'leader_epoch', ARGV[6],
  'pace', ARGV[7], 'cause', ARGV[8])
return {'ok', at[4]}
