-- user_change_password :exec
-- Sets a password chosen by the signed-in user, only if the previous one is still what was verified. Access tokens stay valid:
-- the caller ends all other sessions, which invalidates their tokens.
--   $1  id             uuid
--   $2  verified_hash  text
--   $3  password_hash  text
--   $4  now            timestamptz  the caller's clock, never now()
-- budget: 30 buffers

UPDATE users
SET password_hash              = $3,
    password_changed_at        = $4,
    password_reset_required_at = NULL,
    updated_at                 = now()
WHERE id = $1
  AND password_hash = $2
  AND deleted_at IS NULL
