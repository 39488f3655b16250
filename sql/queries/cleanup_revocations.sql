-- cleanup_revocations :exec
-- Revocations of which every token has expired.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT id
    FROM revocations
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM revocations
USING old
WHERE revocations.id = old.id
