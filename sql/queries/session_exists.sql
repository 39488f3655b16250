-- session_exists :one
-- Whether there is or was a session with this id: an ended one counts until cleanup removes it.
--   $1  session_id  uuid
--   ->  found       bool
-- budget: 8 buffers

SELECT EXISTS (SELECT FROM sessions WHERE id = $1) AS found
