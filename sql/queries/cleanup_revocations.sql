-- cleanup_revocations :exec
-- Revocations whose tokens have all expired.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM revocations
WHERE id IN (
    SELECT id
    FROM revocations
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
