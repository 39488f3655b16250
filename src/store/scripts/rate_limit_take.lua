-- Takes `cost` permits of a sliding window, or returns when they will be available. Up to `most` are taken if they are available.
--
-- Exact: a permit taken at t counts until t + window, to the microsecond, whatever the traffic looked like before; no two
-- windows that meet. The log is a sorted set with one entry per take, scored by its time. A member is
-- "<permits taken before it>:<its own permits>", so that the permits in use are the last sum less the first: no walk
-- through the log, and at most `limit` entries. A refusal writes nothing, so that refused requests do not prolong the refusal.
--
--   KEYS[1]  the log
--   ARGV[1]  limit, permits per window
--   ARGV[2]  window, microseconds
--   ARGV[3]  cost, permits asked for
--   ARGV[4]  most, how many may be taken instead when they are free
--   returns  {permits taken, permits left, µs until all are free, µs until this cost may be taken}

local limit, window, cost, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function sums(entry)
    local before, own = string.match(entry, '^(%d+):(%d+)$')
    return tonumber(before), tonumber(before) + tonumber(own)
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))

local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
local base, total = 0, 0
if last[1] then
    base = sums(redis.call('ZRANGE', KEYS[1], 0, 0)[1])
    local _, after = sums(last[1])
    total = after
    -- After a failover the clock may be slow; the order of the log must not change.
    now = math.max(now, tonumber(last[2]))
end
local used = total - base

if used + cost <= limit then
    local taken = math.max(cost, math.min(most, limit - used))
    -- Padded, because entries of the same microsecond are ordered by their text.
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), string.format('%016.0f:%d', total, taken))
    redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
    return {taken, limit - used - taken, window, 0}
end

local reset = window
if last[1] then reset = tonumber(last[2]) + window - now end
local wait = window
if cost <= limit and last[1] then
    -- The oldest entry at whose expiry enough permits are available.
    local target = base + used + cost - limit
    local low, high = 0, redis.call('ZCARD', KEYS[1]) - 1
    while low < high do
        local middle = math.floor((low + high) / 2)
        local _, after = sums(redis.call('ZRANGE', KEYS[1], middle, middle)[1])
        if after >= target then high = middle else low = middle + 1 end
    end
    local entry = redis.call('ZRANGE', KEYS[1], low, low, 'WITHSCORES')
    wait = tonumber(entry[2]) + window - now
end
return {0, math.max(limit - used, 0), reset, wait}
