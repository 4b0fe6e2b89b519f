-- Gives claims back. KEYS: claim keys; ARGV: of each the receipt that claimed it. What became another's stays.
for i = 1, #KEYS do
  if redis.call('GET', KEYS[i]) == 'c|' .. ARGV[i] then redis.call('DEL', KEYS[i]) end
end
return #KEYS
