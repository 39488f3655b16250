-- user_find_for_update :one?
-- Finds an account by its id, also a deleted one, and holds its row until the transaction ends.
-- Whoever opens, renews or ends sessions of a user holds this lock first: a logout and a refresh at the same moment
-- would otherwise pass each other, and the refresh would leave a session nobody ended.
--   $1  id                          uuid
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

SELECT id, email, username, password_hash, roles, permissions, profile, email_verified_at, failed_login_count,
       last_failed_login_at, lockout_count, locked_until, password_changed_at, tokens_valid_after, last_login_at,
       created_at, updated_at, deleted_at, password_reset_required_at, mfa_email_enabled_at
FROM users
WHERE id = $1
FOR NO KEY UPDATE
