-- session_list :many
-- The open sessions of a user, the last seen first.
--   $1  user_id             uuid
--   $2  now                 timestamptz  the caller's clock, never now()
--   ->  session_id          uuid
--   ->  user_id             uuid
--   ->  device_name         text?
--   ->  user_agent          text?
--   ->  address             inet?
--   ->  session_started_at  timestamptz
--   ->  session_expires_at  timestamptz
--   ->  auth_time           timestamptz
--   ->  amr                 jsonb
--   ->  last_seen_at        timestamptz
--   ->  expires_at          timestamptz

SELECT session_id, user_id, device_name, user_agent, address, session_started_at, session_expires_at, auth_time, amr,
       created_at AS last_seen_at, expires_at
FROM refresh_tokens
WHERE user_id = $1
  AND used_at IS NULL
  AND revoked_at IS NULL
  AND expires_at > $2
ORDER BY created_at DESC, session_id
