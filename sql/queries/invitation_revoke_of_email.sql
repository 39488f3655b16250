-- invitation_revoke_of_email :exec
-- Withdraws every open invitation of an email address, because a new one replaces them or the account exists.
--   $1  email  text         canonical
--   $2  now    timestamptz  the caller's clock, never now()

UPDATE invitations
SET revoked_at = $2
WHERE email = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
