-- Outdates the tokens a user was issued before an instant. Two changes at once may arrive in either order; the later
-- instant stays, and so does the later end.
--
--   KEYS[1]  the user's entry
--   ARGV[1]  valid after, milliseconds since 1970
--   ARGV[2]  when the entry may go, milliseconds since 1970

local held = tonumber(redis.call('GET', KEYS[1]) or '0')
if held >= tonumber(ARGV[1]) then
    local ends = redis.call('PTTL', KEYS[1])
    local clock = redis.call('TIME')
    if ends + clock[1] * 1000 < tonumber(ARGV[2]) then
        redis.call('PEXPIREAT', KEYS[1], ARGV[2])
    end
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
