-- mail_take :many
-- Takes messages that are due, the longest waiting first. No other worker gets them before the lease ends; a worker sees from
-- the number of attempts whether it still has them.
--   $1  now             timestamptz  the caller's clock, never now()
--   $2  lease           timestamptz
--   $3  limit           int8
--   ->  id              uuid
--   ->  message          text
--   ->  user_id         uuid?
--   ->  payload_sealed  bytea
--   ->  created_at      timestamptz
--   ->  expires_at      timestamptz
--   ->  attempts        int4

WITH due AS MATERIALIZED (
    SELECT id AS due_id
    FROM mail_queue
    WHERE failed_at IS NULL
      AND next_attempt_at <= $1
    ORDER BY next_attempt_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE mail_queue
SET attempts = attempts + 1,
    next_attempt_at = $2
FROM due
WHERE id = due_id
RETURNING id, message, user_id, payload_sealed, created_at, expires_at, attempts
