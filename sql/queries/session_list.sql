-- session_list :many
-- The open sessions of a user, most recently seen first.
--   $1  user_id             uuid
--   $2  now                 timestamptz  the caller's clock, never now()
--   ->  session_id          uuid
--   ->  user_id             uuid
--   ->  device_name         text?
--   ->  user_agent          text?
--   ->  address             inet?
--   ->  started_at          timestamptz
--   ->  session_expires_at  timestamptz
--   ->  auth_time           timestamptz
--   ->  amr                 _text
--   ->  last_seen_at        timestamptz
--   ->  expires_at          timestamptz
-- budget: 100 buffers

SELECT sessions.id AS session_id, user_id, device_name, user_agent, address, sessions.created_at AS started_at,
       sessions.expires_at AS session_expires_at, auth_time, amr, refreshed_at AS last_seen_at, live.expires_at
FROM sessions
JOIN refresh_tokens AS live ON live.session_id = sessions.id AND live.generation = sessions.generation
WHERE user_id = $1
  AND ended_at IS NULL
  AND live.expires_at > $2
ORDER BY refreshed_at DESC, session_id
