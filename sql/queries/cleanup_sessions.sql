-- cleanup_sessions :exec
-- Sessions that ended a while ago. Until then a late refresh token is answered with why the session is over.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT id
    FROM sessions
    WHERE ended_at < $1
    ORDER BY ended_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM sessions
USING old
WHERE sessions.id = old.id
