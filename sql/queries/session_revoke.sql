-- session_revoke :many
-- Ends one session of a user.
-- The caller holds the user's row (user_find_for_update). Only the live row is touched: the used ones are dead already.
--   $1  user_id     uuid
--   $2  session_id  uuid
--   $3  now         timestamptz  the caller's clock, never now()
--   $4  reason      text
--   ->  session_id  uuid

UPDATE refresh_tokens
SET revoked_at     = $3,
    revoked_reason = $4
WHERE user_id = $1
  AND session_id = $2
  AND used_at IS NULL
  AND revoked_at IS NULL
RETURNING session_id
