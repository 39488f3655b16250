-- user_reset_password :exec
-- Sets the password of somebody who followed a link in a letter, and outdates their access tokens; the caller ends the sessions.
-- The link proved the address, so it is confirmed. A lock that wrong passwords set is lifted, an operator's is not: only
-- wrong passwords count locks (user_record_failed_login), and an operator's lock forgets the count (user_lock).
--   $1  id             uuid
--   $2  password_hash  text
--   $3  now            timestamptz  the caller's clock, never now()

UPDATE users
SET password_hash              = $2,
    password_changed_at        = $3,
    password_reset_required_at = NULL,
    tokens_valid_after         = $3,
    email_verified_at          = coalesce(email_verified_at, $3),
    locked_until               = CASE WHEN lockout_count = 0 OR locked_until >= timestamptz '9999-12-31 00:00:00+00'
                                      THEN locked_until END,
    failed_login_count         = 0,
    last_failed_login_at       = NULL,
    lockout_count              = 0
WHERE id = $1
  AND deleted_at IS NULL
