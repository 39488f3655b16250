-- user_outdate_many :many
-- Outdates every access token of many users, and locks their rows until the transaction ends, in the order of their ids: two
-- operators who do this at the same time would otherwise deadlock.
--   $1  ids            _uuid
--   ->  user_id        uuid
--   ->  token_version  int4
-- budget: 15000 buffers, 100 ms

UPDATE users
SET token_version = token_version + 1,
    updated_at    = now()
WHERE id = ANY (ARRAY(
    SELECT id
    FROM users
    WHERE id = ANY ($1)
    ORDER BY id
    FOR NO KEY UPDATE
))
RETURNING id AS user_id, token_version
