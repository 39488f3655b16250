-- audit_count :one
-- The number of entries of an event since a time, up to a limit.
--   $1  event    text         one of audit::Event
--   $2  since    timestamptz
--   $3  at_most  int8
--   ->  entries  int8
-- budget: 2000 buffers

SELECT count(*) AS entries
FROM (
    SELECT
    FROM audit_logs
    WHERE event = $1
      AND at >= $2
    ORDER BY at DESC
    LIMIT $3
) AS newest
