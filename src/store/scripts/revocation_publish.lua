-- Publishes revocations: each gets a key of its own, for `on_stale: check`, and an entry of the feed.
--
-- One script, so that a server never has only a part of them: the feed is judged by its last entry.
-- Entries can be repeated, in any order: what was revoked stays revoked. Times are those of this server.
--
--   KEYS[1]    the feed
--   KEYS[1+i]  the key of the i-th revocation; of a signing key: the hash of all that are revoked
--   ARGV[1]    how long the feed keeps an entry, milliseconds
--   ARGV[...]  of each: kind, subject, when it expires (milliseconds since 1970), its id in the outbox,
--              token version and issuer (empty unless the kind is `user`)
--   returns    the ids of the entries, in the same order

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local oldest = math.max(now - ARGV[1], 0)

local function put(key, value, expires)
    local held = tonumber(redis.call('GET', key) or '-1')
    if held < value then
        redis.call('SET', key, value, 'PXAT', expires)
    elseif redis.call('PTTL', key) + now < tonumber(expires) then
        redis.call('PEXPIREAT', key, expires)
    end
end

local ids = {}
for i = 2, #KEYS do
    local first = 2 + (i - 2) * 6
    local kind, subject, expires, number, version, issuer = unpack(ARGV, first, first + 5)
    local entry = {'k', kind, 'id', subject, 'exp', expires, 'n', number}
    if kind == 'user' then
        for _, field in ipairs({'v', version, 'iss', issuer}) do table.insert(entry, field) end
    end
    -- The key before the entry: a client that has read the feed must not get "not revoked" afterwards.
    if kind == 'key' then
        redis.call('HSET', KEYS[i], subject, expires)
        redis.call('PEXPIRE', KEYS[i], ARGV[1])
    else
        put(KEYS[i], tonumber(version) or 1, expires)
    end
    table.insert(ids, redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%d', oldest), '*', unpack(entry)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return ids
