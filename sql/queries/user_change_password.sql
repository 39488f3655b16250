-- user_change_password :exec
-- Sets a password chosen by the signed-in user. The caller has locked the row (user_find_for_update) and found that the password
-- is still the one that was verified. Access tokens stay valid: the caller ends all other sessions, which invalidates their tokens.
-- password_changed_at is later than before in any case, also by the clock of another instance: it tells whether a password that
-- was verified before the row was locked is still the one.
--   $1  id             uuid
--   $2  password_hash  text
--   $3  now            timestamptz  the caller's clock, never now()
-- budget: 30 buffers

UPDATE users
SET password_hash              = $2,
    password_changed_at        = greatest($3, password_changed_at + interval '1 microsecond'),
    password_reset_required_at = NULL,
    updated_at                 = now()
WHERE id = $1
  AND deleted_at IS NULL
