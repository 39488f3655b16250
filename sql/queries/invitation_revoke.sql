-- invitation_revoke :one?
-- Withdraws an invitation, unless it was used.
--   $1  id          uuid
--   $2  now         timestamptz  the caller's clock, never now()
--   ->  id          uuid
--   ->  email       text
--   ->  roles       jsonb
--   ->  invited_by  uuid?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz

UPDATE invitations
SET revoked_at = $2
WHERE id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $2
RETURNING id, email, roles, invited_by, created_at, expires_at
