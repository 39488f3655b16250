-- mail_fail :exec
-- Marks a message as failed, unless another worker took it meanwhile. Its recipient and content are deleted, since they are not
-- needed any more.
--   $1  id          uuid
--   $2  attempts    int4         as it was taken
--   $3  failed_at   timestamptz  the caller's clock, never now()
--   $4  last_error  text         why; no address, no code

UPDATE mail_queue
SET failed_at = $3,
    last_error = $4,
    payload_sealed = ''
WHERE id = $1
  AND attempts = $2
  AND failed_at IS NULL
