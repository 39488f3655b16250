-- user_find_for_update :one?
-- Finds an account by its id, also a deleted one, and locks its row until the transaction ends. Whatever opens or ends sessions
-- of a user, or changes the account, takes this lock first. A refresh does not: it locks its session, which the end of a
-- session updates.
--   $1  id                          uuid
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
-- budget: 8 buffers

SELECT id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, created_at, updated_at, deleted_at
FROM users
WHERE id = $1
FOR NO KEY UPDATE
