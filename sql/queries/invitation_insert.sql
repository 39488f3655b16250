-- invitation_insert :exec
-- Adds an invitation.
--   $1  id          uuid         made by the caller, in order of time
--   $2  token_hash  bytea        SHA-256
--   $3  email       text         who may use it
--   $4  roles       jsonb        array of strings
--   $5  invited_by  uuid?        null: the command line
--   $6  created_at  timestamptz
--   $7  expires_at  timestamptz

INSERT INTO invitations (id, token_hash, email, roles, invited_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
