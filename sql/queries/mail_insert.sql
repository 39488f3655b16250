-- mail_insert :exec
-- Queues a message, in the transaction of the change it reports: neither exists without the other.
--   $1  id              uuid         made by the caller, in order of time
--   $2  message          text         which one
--   $3  user_id         uuid?        the account; the message is deleted with it
--   $4  payload_sealed  bytea        recipient and data
--   $5  created_at      timestamptz  also the first attempt
--   $6  expires_at      timestamptz  after this it is not worth sending

INSERT INTO mail_queue (id, message, user_id, payload_sealed, created_at, next_attempt_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $5, $6)
