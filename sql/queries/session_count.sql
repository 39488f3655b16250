-- session_count :one
-- How many sessions are open.
--   $1  now   timestamptz  the caller's clock, never now()
--   ->  open  int8

SELECT count(*) AS open
FROM refresh_tokens
WHERE used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $1
