-- user_list_by_role :many
-- A page of the accounts that have a role, in the order of their ids.
--   $1  after                       uuid          the last id of the page before; all zeros: the first page
--   $2  deleted                     bool?         null: all; true: only deleted ones; false: none of them
--   $3  locked                      bool?         null: all; true: only locked ones; false: none of them
--   $4  role                        text?         has this role
--   $5  now                         timestamptz   the caller's clock, never now()
--   $6  limit                       int8
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
-- budget: 900 buffers

SELECT id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, created_at, updated_at, deleted_at
FROM (
    SELECT user_id, users.*
    FROM (
        SELECT user_id
        FROM user_roles
        WHERE role = $4
          AND user_id > $1
        ORDER BY user_id
    ) AS with_role
    -- One account at a time: a plan for any role might read all accounts instead, beside those of a role that few have.
    CROSS JOIN LATERAL (SELECT * FROM users WHERE id = with_role.user_id LIMIT 1) AS users
    WHERE ($2::bool IS NULL OR (deleted_at IS NOT NULL) = $2)
      AND ($3::bool IS NULL OR coalesce(locked_until > $5, false) = $3)
    ORDER BY user_id
    -- The longest page, and the row beyond it. For a limit that is a parameter PostgreSQL expects a tenth of all rows, and
    -- would sort everybody who has the role.
    LIMIT 201
) AS users
ORDER BY user_id
LIMIT $6
