-- user_set_email_verified :exec
-- Marks the email address as verified, only if it is still the account's.
--   $1  id             uuid
--   $2  email          text         canonical
--   $3  now            timestamptz  the caller's clock, never now()
-- budget: 30 buffers

UPDATE users
SET email_verified_at = $3,
    updated_at        = now()
WHERE id = $1
  AND email = $2
  AND deleted_at IS NULL
