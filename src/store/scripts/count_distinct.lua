-- Counts how many different members a window has seen: a HyperLogLog, about 12 KB at most however many they are, and exact
-- to a few in a hundred.
--
-- One script, so that of two callers at once exactly one sees the count pass a given number.
--
--   KEYS[1]  the HyperLogLog; the window begins with its first member
--   ARGV[1]  the member
--   ARGV[2]  the window, milliseconds
--   returns  {different members before, and with this one}

local before = redis.call('PFCOUNT', KEYS[1])
if redis.call('PFADD', KEYS[1], ARGV[1]) == 0 then return {before, before} end
if before == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {before, redis.call('PFCOUNT', KEYS[1])}
