-- cleanup_mail_queue :exec
-- Messages that were given up. Those that wait are the worker's.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT id
    FROM mail_queue
    WHERE failed_at < $1
    ORDER BY failed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM mail_queue
USING old
WHERE mail_queue.id = old.id
