-- user_record_login :exec
-- Notes a successful login: the count of failures and of locks starts anew.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE users
SET last_login_at        = $2,
    failed_login_count   = 0,
    last_failed_login_at = NULL,
    lockout_count        = 0,
    locked_until         = NULL
WHERE id = $1
  AND deleted_at IS NULL
