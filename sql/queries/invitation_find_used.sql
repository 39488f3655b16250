-- invitation_find_used :one?
-- Finds an invitation that was just used, for a retry by a client whose response was lost.
--   $1  token_hash  bytea        SHA-256
--   $2  since       timestamptz  used at this instant or later
--   ->  id          uuid
--   ->  email       text
--   ->  roles       jsonb
--   ->  invited_by  uuid?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz

SELECT id, email, roles, invited_by, created_at, expires_at
FROM invitations
WHERE token_hash = $1
  AND used_at >= $2
