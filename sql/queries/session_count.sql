-- session_count :one
-- The number of open sessions. Exact up to a limit; above it, what the last VACUUM or ANALYZE counted in their index. Sessions
-- that are not refreshed count until cleanup ends them, within an hour of their expiry.
--   $1  exact_to  int8  rows
--   ->  open      int8
-- budget: 6000 buffers

SELECT CASE WHEN counted.rows <= $1 THEN counted.rows
            ELSE greatest(counted.rows, (SELECT reltuples::bigint FROM pg_class WHERE oid = 'sessions_open'::regclass))
       END AS open
FROM (
    -- By the order of the index: a sequential scan might read ended sessions to the end of the table.
    SELECT count(*) AS rows
    FROM (SELECT FROM sessions WHERE ended_at IS NULL ORDER BY user_id LIMIT $1::int8 + 1) AS few
) AS counted
