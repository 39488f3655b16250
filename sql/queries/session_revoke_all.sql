-- session_revoke_all :many
-- Ends every session of a user.
-- The caller holds the user's row (user_find_for_update). Only the live row is touched: the used ones are dead already.
--   $1  user_id     uuid
--   $2  now         timestamptz  the caller's clock, never now()
--   $3  reason      text
--   ->  session_id  uuid

UPDATE refresh_tokens
SET revoked_at     = $2,
    revoked_reason = $3
WHERE user_id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
RETURNING session_id
