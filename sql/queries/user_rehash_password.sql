-- user_rehash_password :exec
-- Replaces the hash of an unchanged password by one with the current parameters, only if it is still the hash that was
-- verified: a password that was changed meanwhile must not be reverted.
--   $1  id             uuid
--   $2  verified_hash  text
--   $3  password_hash  text
-- budget: 30 buffers

UPDATE users
SET password_hash = $3,
    updated_at    = now()
WHERE id = $1
  AND password_hash = $2
  AND deleted_at IS NULL
