-- refresh_token_mark_used :exec
-- Marks a live token used. Before its successor is inserted: a session has one live token at a time.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE refresh_tokens
SET used_at = $2
WHERE id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
