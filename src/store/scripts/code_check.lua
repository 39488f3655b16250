-- Compares a code with the stored one, and uses it up. A wrong one costs an attempt; the last attempt deletes the code.
-- With `keep`, a correct code is kept until it expires and recognized again, for a client whose response was lost.
--
-- One script, so that of two concurrent correct codes only one is accepted, and of two wrong ones both are counted.
--
--   KEYS[1]  the code: hash with `code` (hex of its HMAC), `data`, `left` (attempts)
--   ARGV[1]  1 to keep a right one, else 0
--   ARGV[2…] hex of the HMAC of what was typed, under each secret with which the code may have been made
--   returns  {2, data} correct, and used before; {1, data} correct; {0, attempts left} wrong; {-1} there is none

local kept = redis.call('HMGET', KEYS[1], 'code', 'data', 'left', 'used')
if not kept[1] then return {-1} end
local right = false
for index = 2, #ARGV do
    right = right or kept[1] == ARGV[index]
end
if right then
    if kept[4] then return {2, kept[2]} end
    if ARGV[1] == '1' then
        redis.call('HSET', KEYS[1], 'used', 1)
    else
        redis.call('DEL', KEYS[1])
    end
    return {1, kept[2]}
end
local left = tonumber(kept[3]) - 1
if left <= 0 then
    redis.call('DEL', KEYS[1])
    return {0, 0}
end
redis.call('HSET', KEYS[1], 'left', left)
return {0, left}
