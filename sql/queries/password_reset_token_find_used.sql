-- password_reset_token_find_used :one?
-- Finds a token that was just used, if the password that was set then is still current, for a retry by a client whose response
-- was lost.
--   $1  token_hash  bytea         SHA-256
--   $2  since       timestamptz   used at this instant or later
--   ->  id          uuid
--   ->  token_hash  bytea
--   ->  user_id     uuid
--   ->  address     inet?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz
--   ->  used_at     timestamptz?
-- budget: 12 buffers

SELECT t.id, t.token_hash, t.user_id, t.address, t.created_at, t.expires_at, t.used_at
FROM password_reset_tokens AS t
JOIN users AS u ON u.id = t.user_id
WHERE t.token_hash = $1
  AND t.used_at >= $2
  AND u.password_changed_at = t.used_at
  AND u.deleted_at IS NULL
