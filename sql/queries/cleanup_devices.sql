-- cleanup_devices :exec
-- Devices that were not seen for a long time. Removes one batch; locked rows are skipped until the next run. By their physical
-- location (ctid), and not by a join: for any limit PostgreSQL expects a tenth of the table, and would read all of it.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 6000 buffers, 50 ms

DELETE FROM devices
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM devices
    WHERE last_seen_at < $1
    ORDER BY last_seen_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
