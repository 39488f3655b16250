-- invitation_use :exec
-- Marks an invitation as used: of two concurrent attempts, one finds it used.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE invitations
SET used_at = $2
WHERE id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $2
