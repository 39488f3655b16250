-- user_set_email_verified :exec
-- Notes that the address was confirmed; only if it is still the one that was.
--   $1  id     uuid
--   $2  email  text
--   $3  now    timestamptz  the caller's clock, never now()

UPDATE users
SET email_verified_at = $3
WHERE id = $1
  AND lower(email) = lower($2)
  AND deleted_at IS NULL
