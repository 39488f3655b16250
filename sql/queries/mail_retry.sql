-- mail_retry :exec
-- Schedules a retry of a message, unless another worker took it meanwhile.
--   $1  id               uuid
--   $2  attempts         int4         as it was taken
--   $3  next_attempt_at  timestamptz
--   $4  last_error       text         why; no address, no code

UPDATE mail_queue
SET next_attempt_at = $3,
    last_error = $4
WHERE id = $1
  AND attempts = $2
  AND failed_at IS NULL
