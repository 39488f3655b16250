-- cleanup_sessions :exec
-- Sessions that ended a while ago. Until then a late refresh is answered with the reason why the session ended. Removes one
-- batch; locked rows are skipped until the next run. By their physical location (ctid), and not by a join: for any limit
-- PostgreSQL expects a tenth of the table, and would read all of it.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 8000 buffers, 50 ms

DELETE FROM sessions
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM sessions
    WHERE ended_at < $1
    ORDER BY ended_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
