-- user_restore :one?
-- Restores a deleted account; fails with users_email_is_taken or users_username_is_taken if another account has the name.
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
-- budget: 30 buffers

UPDATE users
SET deleted_at = NULL,
    updated_at = now()
WHERE id = $1
  AND deleted_at IS NOT NULL
RETURNING id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, created_at, updated_at, deleted_at
