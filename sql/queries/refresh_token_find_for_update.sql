-- refresh_token_find_for_update :one?
-- Finds the token presented, used or revoked ones too, and holds its row and its user's until the transaction ends:
-- 200 refreshes with one token queue here, and the first of them decides. user_find_for_update says why the user's.
--   $1  token_hash          bytea         SHA-256
--   ->  id                  uuid
--   ->  token_hash          bytea
--   ->  user_id             uuid
--   ->  session_id          uuid
--   ->  parent_id           uuid?
--   ->  session_started_at  timestamptz
--   ->  session_expires_at  timestamptz
--   ->  auth_time           timestamptz
--   ->  amr                 jsonb
--   ->  device_name         text?
--   ->  user_agent          text?
--   ->  address             inet?
--   ->  created_at          timestamptz
--   ->  expires_at          timestamptz
--   ->  used_at             timestamptz?
--   ->  revoked_at          timestamptz?
--   ->  revoked_reason      text?
--   ->  metadata            jsonb

SELECT t.id, t.token_hash, t.user_id, t.session_id, t.parent_id, t.session_started_at, t.session_expires_at,
       t.auth_time, t.amr, t.device_name, t.user_agent, t.address, t.created_at, t.expires_at, t.used_at,
       t.revoked_at, t.revoked_reason, t.metadata
FROM refresh_tokens AS t
JOIN users AS u ON u.id = t.user_id
WHERE t.token_hash = $1
FOR NO KEY UPDATE OF u, t
