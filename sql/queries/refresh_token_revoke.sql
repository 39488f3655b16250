-- refresh_token_revoke :exec
-- Revokes one live token: the successor whose answer was lost.
--   $1  id      uuid
--   $2  now     timestamptz  the caller's clock, never now()
--   $3  reason  text

UPDATE refresh_tokens
SET revoked_at     = $2,
    revoked_reason = $3
WHERE id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
