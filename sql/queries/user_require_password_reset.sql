-- user_require_password_reset :exec
-- Wants a new password before the next sign-in; access tokens issued before now are outdated.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE users
SET password_reset_required_at = $2,
    tokens_valid_after         = $2
WHERE id = $1
  AND deleted_at IS NULL
