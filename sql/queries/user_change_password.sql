-- user_change_password :exec
-- Sets a password chosen by the signed-in user. The caller has locked the row (user_find_for_update) and found that the password
-- is still the one that was verified. Access tokens stay valid: the caller ends all other sessions, which invalidates their tokens.
--   $1  id             uuid
--   $2  password_hash  text
--   $3  now            timestamptz  the caller's clock, never now()
-- budget: 30 buffers

UPDATE users
SET password_hash              = $2,
    password_changed_at        = $3,
    password_reset_required_at = NULL,
    updated_at                 = now()
WHERE id = $1
  AND deleted_at IS NULL
