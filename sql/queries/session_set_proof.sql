-- session_set_proof :exec
-- Notes on every token of an open session how and when the person last proved who they are. On the used ones, too: a
-- successor is made after the token it replaces.
--   $1  session_id  uuid
--   $2  user_id     uuid
--   $3  amr         jsonb        array of strings
--   $4  auth_time   timestamptz

UPDATE refresh_tokens
SET amr       = $3,
    auth_time = $4
WHERE session_id = $1
  AND user_id = $2
  AND revoked_at IS NULL
