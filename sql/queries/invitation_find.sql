-- invitation_find :one?
-- Finds an open invitation.
--   $1  token_hash  bytea        SHA-256
--   $2  now         timestamptz  the caller's clock, never now()
--   ->  id          uuid
--   ->  email       text
--   ->  roles       jsonb
--   ->  invited_by  uuid?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz

SELECT id, email, roles, invited_by, created_at, expires_at
FROM invitations
WHERE token_hash = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $2
