-- cleanup_audit_logs :exec
-- Audit entries past their retention.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT at, id
    FROM audit_logs
    WHERE at < $1
    ORDER BY at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM audit_logs
USING old
WHERE audit_logs.at = old.at AND audit_logs.id = old.id
