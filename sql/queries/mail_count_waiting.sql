-- mail_count_waiting :one
-- How many messages wait.
--   ->  waiting  int8

SELECT count(*) AS waiting
FROM mail_queue
WHERE failed_at IS NULL
