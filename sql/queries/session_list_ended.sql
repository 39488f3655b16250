-- session_list_ended :many
-- The sessions that ended since an instant.
--   $1  since       timestamptz
--   ->  session_id  uuid
--   ->  user_id     uuid
--   ->  ended_at    timestamptz?

SELECT id AS session_id, user_id, ended_at
FROM sessions
WHERE ended_at >= $1
