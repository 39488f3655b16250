-- user_require_password_reset :one?
-- Requires a password change at the next sign-in, and outdates the access tokens; the caller ends the sessions.
--   $1  id             uuid
--   $2  now            timestamptz  the caller's clock, never now()
--   ->  token_version  int4
-- budget: 30 buffers

UPDATE users
SET password_reset_required_at = $2,
    token_version              = token_version + 1,
    updated_at                 = now()
WHERE id = $1
  AND deleted_at IS NULL
RETURNING token_version
