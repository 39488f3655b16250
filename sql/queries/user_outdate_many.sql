-- user_outdate_many :many
-- Outdates every access token of many users, and locks their rows until the transaction ends, in the order of their ids: two
-- operators who do this at the same time would otherwise deadlock.
--   $1  ids            _uuid
--   ->  user_id        uuid
--   ->  token_version  int4
-- budget: 15000 buffers, 100 ms

WITH held AS (
    SELECT id
    FROM users
    WHERE id = ANY ($1)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE users
SET token_version = token_version + 1,
    updated_at    = now()
FROM held
WHERE users.id = held.id
RETURNING users.id AS user_id, token_version
