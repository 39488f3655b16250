-- cleanup_audit_logs :exec
-- Events past their retention.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM audit_logs
WHERE id IN (
    SELECT id
    FROM audit_logs
    WHERE at < $1
    ORDER BY at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
