-- user_unlock :exec
-- Lifts a lock, whoever set it, and forgets the failures that led to it.
--   $1  id  uuid

UPDATE users
SET locked_until         = NULL,
    failed_login_count   = 0,
    last_failed_login_at = NULL,
    lockout_count        = 0
WHERE id = $1
  AND deleted_at IS NULL
