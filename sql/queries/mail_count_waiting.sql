-- mail_count_waiting :one
-- The number of messages to be sent.
--   ->  waiting  int8

SELECT count(*) AS waiting
FROM mail_queue
WHERE failed_at IS NULL
