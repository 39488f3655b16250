-- user_soft_delete :exec
-- Deletes an account: the row stays, the names become free, tokens issued before are outdated.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE users
SET deleted_at         = $2,
    tokens_valid_after = $2
WHERE id = $1
  AND deleted_at IS NULL
