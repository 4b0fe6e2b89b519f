-- Stores the first position of a stream, unless there is one.
-- KEYS: the position. ARGV: topic id, next offset, leader epoch.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'topic_id', ARGV[1], 'generation', '0', 'next_offset', ARGV[2], 'leader_epoch', ARGV[3],
    'hold', '0', 'target', '-1', 'pace', '0', 'cause', '')
end
return {'ok'}
