-- user_set_password :exec
-- Sets a new password and ends the access tokens issued before; the caller ends the sessions.
-- A lock is lifted: who could set the password has shown more than the password. What an operator wanted is done.
--   $1  id             uuid
--   $2  password_hash  text
--   $3  now            timestamptz  the caller's clock, never now()

UPDATE users
SET password_hash              = $2,
    password_changed_at        = $3,
    password_reset_required_at = NULL,
    tokens_valid_after         = $3,
    failed_login_count         = 0,
    last_failed_login_at       = NULL,
    lockout_count              = 0,
    locked_until               = CASE WHEN locked_until >= timestamptz '9999-12-31 00:00:00+00' THEN locked_until END
WHERE id = $1
  AND deleted_at IS NULL
