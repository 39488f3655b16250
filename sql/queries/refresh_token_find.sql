-- refresh_token_find :one?
-- Everything that is needed to decide about a presented refresh token, in one snapshot: its session, the live token, the
-- predecessor of the live token, and the account. Locks nothing.
--   $1  session_id                  uuid          from the token
--   $2  generation                  int4          from the token
--   ->  session_id                  uuid
--   ->  session_expires_at          timestamptz
--   ->  generation                  int4
--   ->  auth_time                   timestamptz
--   ->  amr                         _text
--   ->  device_name                 text?
--   ->  user_agent                  text?
--   ->  address                     inet?
--   ->  end_reason                  text?
--   ->  live_token_hash             bytea?
--   ->  live_created_at             timestamptz?
--   ->  live_expires_at             timestamptz?
--   ->  replaced_generation         int4?
--   ->  replaced_token_hash         bytea?
--   ->  replaced_expires_at         timestamptz?
--   ->  response_sealed               bytea?        only for the token that the live one replaced
--   ->  id                          uuid
--   ->  email                       text
--   ->  username                    text?
--   ->  password_hash               text?
--   ->  roles                       jsonb
--   ->  permissions                 jsonb
--   ->  profile                     jsonb
--   ->  token_version               int4
--   ->  email_verified_at           timestamptz?
--   ->  failed_login_count          int4
--   ->  last_failed_login_at        timestamptz?
--   ->  lockout_count               int4
--   ->  locked_until                timestamptz?
--   ->  locked_by                   text?
--   ->  password_changed_at         timestamptz?
--   ->  password_reset_required_at  timestamptz?
--   ->  mfa_email_enabled_at        timestamptz?
--   ->  last_login_at               timestamptz?
--   ->  created_at                  timestamptz
--   ->  updated_at                  timestamptz
--   ->  deleted_at                  timestamptz?
-- budget: 25 buffers

SELECT sessions.id AS session_id, sessions.expires_at AS session_expires_at, sessions.generation, sessions.auth_time, sessions.amr,
       sessions.device_name, sessions.user_agent, sessions.address, sessions.end_reason,
       live.token_hash AS live_token_hash, live.created_at AS live_created_at, live.expires_at AS live_expires_at,
       live.replaces AS replaced_generation, replaced.token_hash AS replaced_token_hash,
       replaced.expires_at AS replaced_expires_at,
       CASE WHEN live.replaces = $2 THEN live.response_sealed END AS response_sealed,
       users.id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, users.created_at, updated_at, deleted_at
FROM sessions
JOIN users ON users.id = sessions.user_id
LEFT JOIN refresh_tokens AS live ON live.session_id = sessions.id AND live.generation = sessions.generation
LEFT JOIN refresh_tokens AS replaced ON replaced.session_id = sessions.id AND replaced.generation = live.replaces
WHERE sessions.id = $1
