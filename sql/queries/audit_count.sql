-- audit_count :one
-- How often something happened since an instant.
--   $1  event     text         one of audit::Event
--   $2  since     timestamptz
--   ->  happened  int8

SELECT count(*) AS happened
FROM audit_logs
WHERE event = $1
  AND at >= $2
