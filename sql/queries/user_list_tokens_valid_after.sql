-- user_list_tokens_valid_after :many
-- The users whose tokens were outdated since an instant: with the revoked sessions, all that a new Redis must be told.
--   $1  since               timestamptz
--   ->  id                  uuid
--   ->  tokens_valid_after  timestamptz?

SELECT id, tokens_valid_after
FROM users
WHERE tokens_valid_after >= $1
