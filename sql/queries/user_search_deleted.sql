-- user_search_deleted :many
-- Like user_search, for deleted accounts, of which several can have had the same name.
--   $1  from                        text          the first characters
--   $2  until                       text          the first text, in byte order, that does not begin with them
--   $3  after                       uuid          the last id of the page before; all zeros: the first page
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
-- budget: 1100 buffers

WITH last AS (
    SELECT coalesce((
        SELECT CASE WHEN email >= $1 AND email < $2 THEN email ELSE username END
        FROM users
        WHERE id = $3
    ), '') AS name
)
SELECT id, email, username, password_hash, roles, permissions, profile, token_version, email_verified_at,
       failed_login_count, last_failed_login_at, lockout_count, locked_until, locked_by, password_changed_at,
       password_reset_required_at, mfa_email_enabled_at, last_login_at, created_at, updated_at, deleted_at
FROM (
    (
        SELECT email AS name, id AS found_id
        FROM users
        WHERE email >= $1
          AND email < $2
          AND (email, id) > ((SELECT name FROM last), $3)
          AND deleted_at IS NOT NULL
          AND ($4::bool IS NULL OR coalesce(locked_until > $6, false) = $4)
          AND ($5::text IS NULL OR roles ? $5)
        ORDER BY email, id
        LIMIT $7
    )
    UNION ALL
    (
        SELECT username AS name, id AS found_id
        FROM users
        WHERE username >= $1
          AND username < $2
          AND (username, id) > ((SELECT name FROM last), $3)
          AND deleted_at IS NOT NULL
          AND NOT (email >= $1 AND email < $2)
          AND NOT starts_with(email, username)
          AND ($4::bool IS NULL OR coalesce(locked_until > $6, false) = $4)
          AND ($5::text IS NULL OR roles ? $5)
        ORDER BY username, id
        LIMIT $7
    )
) AS found
JOIN users ON users.id = found_id
ORDER BY name, id
LIMIT $7
