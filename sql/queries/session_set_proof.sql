-- session_set_proof :exec
-- Records in an open session how and when the user last authenticated, for the access tokens of later refreshes.
--   $1  session_id  uuid
--   $2  user_id     uuid
--   $3  amr         _text
--   $4  auth_time   timestamptz
-- budget: 20 buffers

UPDATE sessions
SET amr       = $3,
    auth_time = $4
WHERE id = $1
  AND user_id = $2
  AND ended_at IS NULL
