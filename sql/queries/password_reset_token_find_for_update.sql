-- password_reset_token_find_for_update :one?
-- Finds a valid token and locks it and its user until the transaction ends: it works once.
--   $1  token_hash  bytea         SHA-256
--   $2  now         timestamptz   the caller's clock, never now()
--   ->  id          uuid
--   ->  token_hash  bytea
--   ->  user_id     uuid
--   ->  address     inet?
--   ->  created_at  timestamptz
--   ->  expires_at  timestamptz
--   ->  used_at     timestamptz?
-- budget: 16 buffers

SELECT t.id, t.token_hash, t.user_id, t.address, t.created_at, t.expires_at, t.used_at
FROM password_reset_tokens AS t
JOIN users AS u ON u.id = t.user_id
WHERE t.token_hash = $1
  AND t.used_at IS NULL
  AND t.expires_at > $2
  AND u.deleted_at IS NULL
FOR NO KEY UPDATE OF u, t
