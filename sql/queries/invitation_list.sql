-- invitation_list :many
-- A page of open invitations, the oldest first, after the last id of the previous page.
--   $1  after       uuid         all zeros: the first page
--   $2  now         timestamptz  the caller's clock, never now()
--   $3  limit       int8
--   ->  id          uuid
--   ->  email       text
--   ->  roles       jsonb
--   ->  invited_by  uuid?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz

SELECT id, email, roles, invited_by, created_at, expires_at
FROM invitations
WHERE id > $1
  AND used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $2
ORDER BY id
LIMIT $3
