-- Appends a heartbeat: the statement of an issuer that the feed holds every revocation that was committed before an instant.
--
-- One script, so that nothing can happen between what it checks and what it says:
--   * it came at once. One that was stuck in a frozen socket says nothing of the present;
--   * the feed is the one that the issuer has read and filled. A failover, a restart or FLUSHALL may have replaced it since.
-- An issuer that cannot read PostgreSQL cannot commit anything either, and says that it published all it knows of. Such a
-- statement counts only up to the oldest of the last heartbeats of all issuers: a silent one may be accepting sign-outs.
--
--   KEYS[1]  the feed
--   KEYS[2]  the instant of the newest heartbeat, for those who ask about one token
--   KEYS[3]  the ids of the last heartbeats; older ones are taken out of the feed, which a new instance reads whole
--   KEYS[4]  hash: issuer's instance → the instant of its last statement
--   ARGV[1]  the instant: this server's time, milliseconds, read before PostgreSQL was
--   ARGV[2]  how old it may be, milliseconds
--   ARGV[3]  the newest entry the issuer knew of before it published, or the first that it published (empty: neither)
--   ARGV[4]  the newest entry it knows of now (empty: none)
--   ARGV[5]  how long the feed keeps an entry, milliseconds
--   ARGV[6]  the issuer's instance
--   ARGV[7]  `all`: PostgreSQL was read; `outage`: it does not answer
--   ARGV[8]  position in the outbox: rows of older transactions are in the feed
--   returns  {'ok', id} appended; {'known'} another issuer said the same just now; {'late'} too old; {'lost'} another feed;
--            {'alone'} an outage, and another issuer has said nothing for too long

local HEARTBEATS, SPACING, FORGOTTEN = 64, 100, 600000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local begun, keep = tonumber(ARGV[1]), tonumber(ARGV[5])
if now < begun or now - begun > tonumber(ARGV[2]) then return {'late'} end
for _, id in ipairs({ARGV[3], ARGV[4]}) do
    if id ~= '' and #redis.call('XRANGE', KEYS[1], id, id) == 0 then return {'lost'} end
end

redis.call('HSET', KEYS[4], ARGV[6], begun)
redis.call('PEXPIRE', KEYS[4], keep)
local oldest_said = begun
local issuers = redis.call('HGETALL', KEYS[4])
for i = 1, #issuers, 2 do
    local said = tonumber(issuers[i + 1])
    if now - said > FORGOTTEN then
        redis.call('HDEL', KEYS[4], issuers[i])
    elseif said > now then
        -- The clock of this server was set back: earlier heartbeats mean nothing now.
        oldest_said = 0
    else
        oldest_said = math.min(oldest_said, said)
    end
end
local at = ARGV[7] == 'outage' and oldest_said or begun

local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
if newest > now then newest = 0 end
if at <= newest then return {ARGV[7] == 'outage' and at < begun and 'alone' or 'known'} end
if at - newest < SPACING then return {'known'} end

local text = string.format('%d', at)
local oldest = string.format('%d', math.max(now - keep, 0))
local id = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', 'k', 'hb', 'at', text, 'x', ARGV[8])
redis.call('SET', KEYS[2], text, 'PX', keep)
redis.call('RPUSH', KEYS[3], id)
if redis.call('LLEN', KEYS[3]) > HEARTBEATS then
    redis.call('XDEL', KEYS[1], redis.call('LPOP', KEYS[3]))
end
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('PEXPIRE', KEYS[3], keep)
return {'ok', id}
