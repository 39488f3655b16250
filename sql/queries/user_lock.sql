-- user_lock :one?
-- Locks an account until a time, or until it is unlocked, and outdates the access tokens; the caller ends the sessions. The
-- count of consecutive locks by failed sign-ins is reset.
--   $1  id             uuid
--   $2  locked_until   timestamptz?  null: until an operator unlocks it
--   ->  token_version  int4
-- budget: 30 buffers

UPDATE users
SET locked_until  = coalesce($2::timestamptz, timestamptz '9999-12-31 00:00:00+00'),
    locked_by     = 'operator',
    lockout_count = 0,
    token_version = token_version + 1,
    updated_at    = now()
WHERE id = $1
  AND deleted_at IS NULL
RETURNING token_version
