-- user_set_mfa_email :exec
-- Enables or disables emailed codes as a second factor.
--   $1  id             uuid
--   $2  enabled_at     timestamptz?  null: off
-- budget: 30 buffers

UPDATE users
SET mfa_email_enabled_at = $2,
    updated_at           = now()
WHERE id = $1
  AND deleted_at IS NULL
