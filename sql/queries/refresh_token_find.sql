-- refresh_token_find :one?
-- Finds a token, used or revoked ones too, and holds nothing.
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

SELECT id, token_hash, user_id, session_id, parent_id, session_started_at, session_expires_at, auth_time, amr, device_name,
       user_agent, address, created_at, expires_at, used_at, revoked_at, revoked_reason, metadata
FROM refresh_tokens
WHERE token_hash = $1
