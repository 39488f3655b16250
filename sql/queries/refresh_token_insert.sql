-- refresh_token_insert :exec
-- Adds the first token of a session, or the successor of a used one.
--   $1  id                  uuid         made by the caller
--   $2  token_hash          bytea        SHA-256
--   $3  user_id             uuid
--   $4  session_id          uuid
--   $5  parent_id           uuid?        the token it replaces
--   $6  session_started_at  timestamptz
--   $7  session_expires_at  timestamptz
--   $8  auth_time           timestamptz
--   $9  amr                 jsonb        array of strings
--   $10 device_name         text?
--   $11 user_agent          text?
--   $12 address             inet?
--   $13 created_at          timestamptz
--   $14 expires_at          timestamptz
--   $15 metadata            jsonb        object

INSERT INTO refresh_tokens (id, token_hash, user_id, session_id, parent_id, session_started_at, session_expires_at, auth_time,
                            amr, device_name, user_agent, address, created_at, expires_at, metadata)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
