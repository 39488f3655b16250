-- user_create :one
-- Creates an account. A taken email address or username fails with the constraint's name: users_email_is_taken,
-- users_username_is_taken.
--   $1  id                          uuid          made by the caller, in order of time
--   $2  email                       text
--   $3  username                    text?
--   $4  password_hash               text?
--   $5  roles                       jsonb         array of strings
--   $6  permissions                 jsonb         array of strings
--   $7  profile                     jsonb         object
--   $8  email_verified_at           timestamptz?
--   $9  now                         timestamptz   the caller's clock, never now()
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
-- budget: 60 buffers

INSERT INTO users (id, email, username, password_hash, roles, permissions, profile, email_verified_at, password_changed_at,
                   created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $4::text IS NULL THEN NULL ELSE $9::timestamptz END, $9, $9)
RETURNING id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, created_at, updated_at, deleted_at
