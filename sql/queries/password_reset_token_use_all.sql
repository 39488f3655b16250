-- password_reset_token_use_all :exec
-- Marks every open token of a user as used: a reset or changed password ends them all.
--   $1  user_id  uuid
--   $2  now      timestamptz  the caller's clock, never now()

UPDATE password_reset_tokens
SET used_at = $2
WHERE user_id = $1
  AND used_at IS NULL
