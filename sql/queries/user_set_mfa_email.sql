-- user_set_mfa_email :exec
-- Turns codes by mail as a second factor on or off.
--   $1  id          uuid
--   $2  enabled_at  timestamptz?  null: off

UPDATE users
SET mfa_email_enabled_at = $2
WHERE id = $1
  AND deleted_at IS NULL
