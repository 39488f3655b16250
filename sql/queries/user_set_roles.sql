-- user_set_roles :one?
-- Replaces the roles; access tokens that carry the old ones are outdated.
--   $1  id                          uuid
--   $2  roles                       jsonb         array of strings
--   $3  now                         timestamptz   the caller's clock, never now()
--   ->  id                          uuid
--   ->  email                       text
--   ->  username                    text?
--   ->  password_hash               text?
--   ->  roles                       jsonb
--   ->  permissions                 jsonb
--   ->  profile                     jsonb
--   ->  email_verified_at           timestamptz?
--   ->  failed_login_count          int4
--   ->  last_failed_login_at        timestamptz?
--   ->  lockout_count               int4
--   ->  locked_until                timestamptz?
--   ->  password_changed_at         timestamptz?
--   ->  tokens_valid_after          timestamptz?
--   ->  last_login_at               timestamptz?
--   ->  created_at                  timestamptz
--   ->  updated_at                  timestamptz
--   ->  deleted_at                  timestamptz?
--   ->  password_reset_required_at  timestamptz?
--   ->  mfa_email_enabled_at        timestamptz?

UPDATE users
SET roles              = $2,
    tokens_valid_after = $3
WHERE id = $1
  AND deleted_at IS NULL
RETURNING id, email, username, password_hash, roles, permissions, profile, email_verified_at, failed_login_count,
       last_failed_login_at, lockout_count, locked_until, password_changed_at, tokens_valid_after, last_login_at,
       created_at, updated_at, deleted_at, password_reset_required_at, mfa_email_enabled_at
