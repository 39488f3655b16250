-- cleanup_revocations :exec
-- Revocations whose tokens have all expired. Removes one batch; locked rows are skipped until the next run. By their physical
-- location (ctid), and not by a join: for any limit PostgreSQL expects a tenth of the table, and would read all of it.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 6000 buffers, 50 ms

DELETE FROM revocations
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM revocations
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
