-- Returns the status of one token, and how recent it is: it counts only if the newest heartbeat is recent.
--
--   KEYS[1]  the instant of the newest heartbeat
--   KEYS[2]  the revocation of the token
--   KEYS[3]  of its session
--   KEYS[4]  of its user
--   KEYS[5]  hash of the signing keys that are revoked
--   returns  {milliseconds since 1970, those of the newest heartbeat or -1, 1 if the token is revoked, 1 if its session is,
--            the user's token version or -1, {kid of each revoked key}}

local clock = redis.call('TIME')
return {
    clock[1] * 1000 + math.floor(clock[2] / 1000),
    tonumber(redis.call('GET', KEYS[1]) or '-1'),
    redis.call('EXISTS', KEYS[2]),
    redis.call('EXISTS', KEYS[3]),
    tonumber(redis.call('GET', KEYS[4]) or '-1'),
    redis.call('HKEYS', KEYS[5]),
}
