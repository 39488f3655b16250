-- session_list_revoked :many
-- The sessions that ended since an instant: with the outdated users, all that a new Redis must be told.
--   $1  since       timestamptz
--   ->  session_id  uuid
--   ->  user_id     uuid
--   ->  revoked_at  timestamptz?

SELECT session_id, user_id, revoked_at
FROM refresh_tokens
WHERE revoked_at >= $1
