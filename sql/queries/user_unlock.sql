-- user_unlock :exec
-- Lifts a lock, also an operator's, and resets the failures that led to it.
--   $1  id             uuid
-- budget: 30 buffers

UPDATE users
SET locked_until         = NULL,
    locked_by            = NULL,
    failed_login_count   = 0,
    last_failed_login_at = NULL,
    lockout_count        = 0,
    updated_at           = now()
WHERE id = $1
  AND deleted_at IS NULL
