-- cleanup_mail_queue :exec
-- Letters that were given up. Those that wait are the worker's.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM mail_queue
WHERE id IN (
    SELECT id
    FROM mail_queue
    WHERE failed_at < $1
    ORDER BY failed_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
