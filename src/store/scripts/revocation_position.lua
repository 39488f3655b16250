-- Returns the time of this server, and whether an entry of the feed is still there: after a failover that lost the last writes, a restart
-- from an older file or FLUSHALL it is not, and what was read before does not go on here.
--
--   KEYS[1]  the feed
--   ARGV[1]  the id of an entry; empty: none was read yet
--   returns  {milliseconds since 1970, 1 if it is there (or none was named) else 0}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local found = ARGV[1] == '' or #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 1
return {now, found and 1 or 0}
