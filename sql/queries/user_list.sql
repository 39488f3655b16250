-- user_list :many
-- A page of accounts in the order of their ids, which is the order of their making.
--   $1  after                       uuid?         the last id of the page before
--   $2  starts_with                 text?         an address or a name begins with this, whatever its case
--   $3  deleted                     bool?         null: all; true: only deleted ones; false: none of them
--   $4  locked                      bool?         null: all; true: only locked ones; false: none of them
--   $5  role                        text?         has this role
--   $6  now                         timestamptz   the caller's clock, never now()
--   $7  limit                       int8
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
WHERE ($1::uuid IS NULL OR id > $1)
  AND ($2::text IS NULL OR starts_with(lower(email), lower($2)) OR starts_with(lower(username), lower($2)))
  AND ($3::bool IS NULL OR (deleted_at IS NOT NULL) = $3)
  AND ($4::bool IS NULL OR coalesce(locked_until > $6, false) = $4)
  AND ($5::text IS NULL OR roles ? $5)
ORDER BY id
LIMIT $7
