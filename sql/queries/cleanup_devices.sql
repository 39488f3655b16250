-- cleanup_devices :exec
-- Devices that were not seen for a long time.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT user_id, fingerprint
    FROM devices
    WHERE last_seen_at < $1
    ORDER BY last_seen_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM devices
USING old
WHERE devices.user_id = old.user_id AND devices.fingerprint = old.fingerprint
