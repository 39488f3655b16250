-- user_lock :exec
-- Locks an account until an instant, or for good; access tokens issued before now are outdated.
-- The count of locks by wrong passwords starts anew: it tells whose lock this is when a password is reset (user_reset_password).
--   $1  id            uuid
--   $2  locked_until  timestamptz?  null: until somebody unlocks it
--   $3  now           timestamptz   the caller's clock, never now()

UPDATE users
SET locked_until       = coalesce($2::timestamptz, timestamptz '9999-12-31 00:00:00+00'),
    tokens_valid_after = $3,
    lockout_count      = 0
WHERE id = $1
  AND deleted_at IS NULL
