-- user_set_password :one?
-- Sets a password chosen by an operator, and outdates the access tokens; the caller ends the sessions. A lock by failed
-- sign-ins is lifted, an operator's is not.
-- password_changed_at is later than before in any case, also by the clock of another instance: it tells whether a password that
-- was verified before the row was locked is still the one.
--   $1  id             uuid
--   $2  password_hash  text
--   $3  now            timestamptz  the caller's clock, never now()
--   ->  token_version  int4
-- budget: 30 buffers

UPDATE users
SET password_hash              = $2,
    password_changed_at        = greatest($3, password_changed_at + interval '1 microsecond'),
    password_reset_required_at = NULL,
    failed_login_count         = 0,
    last_failed_login_at       = NULL,
    lockout_count              = 0,
    locked_until               = CASE WHEN locked_by = 'operator' THEN locked_until END,
    locked_by                  = CASE WHEN locked_by = 'operator' THEN locked_by END,
    token_version              = token_version + 1,
    updated_at                 = now()
WHERE id = $1
  AND deleted_at IS NULL
RETURNING token_version
