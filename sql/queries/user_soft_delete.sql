-- user_soft_delete :one?
-- Deletes an account: the row is kept, its email address and username become free, its access tokens outdated. The caller ends
-- the sessions.
--   $1  id             uuid
--   $2  now            timestamptz  the caller's clock, never now()
--   ->  token_version  int4
-- budget: 30 buffers

UPDATE users
SET deleted_at    = $2,
    token_version = token_version + 1,
    updated_at    = now()
WHERE id = $1
  AND deleted_at IS NULL
RETURNING token_version
