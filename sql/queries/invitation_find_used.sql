-- invitation_find_used :one?
-- Finds an invitation that was used a moment ago: a client whose answer was lost comes with it again.
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
