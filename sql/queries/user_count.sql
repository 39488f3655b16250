-- user_count :one
-- The numbers of accounts. Exact up to a limit; above it, what the last VACUUM or ANALYZE counted in the indexes of these
-- accounts, because reading a million rows is too expensive for an overview.
--   $1  now       timestamptz  the caller's clock, never now()
--   $2  exact_to  int8         rows
--   ->  existing  int8
--   ->  locked    int8
--   ->  deleted   int8
-- budget: 9000 buffers, 10 ms

SELECT CASE WHEN existing.rows <= $2 THEN existing.rows
            ELSE greatest(existing.rows, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'users_email_is_taken'::regclass))
       END AS existing,
       locked.rows AS locked,
       CASE WHEN deleted.rows <= $2 THEN deleted.rows
            ELSE greatest(deleted.rows, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'users_deleted'::regclass))
       END AS deleted
FROM (
    -- By the order of the index: a sequential scan might read deleted accounts to the end of the table.
    SELECT count(*) AS rows
    FROM (SELECT FROM users WHERE deleted_at IS NULL ORDER BY email LIMIT $2::int8 + 1) AS few
) AS existing, (
    SELECT count(*) AS rows
    FROM (SELECT FROM users WHERE deleted_at IS NOT NULL ORDER BY id LIMIT $2::int8 + 1) AS few
) AS deleted, (
    SELECT count(*) FILTER (WHERE deleted_at IS NULL AND locked_until > $1) AS rows
    FROM (SELECT deleted_at, locked_until FROM users WHERE locked_until IS NOT NULL ORDER BY id LIMIT $2::int8 + 1) AS few
) AS locked
