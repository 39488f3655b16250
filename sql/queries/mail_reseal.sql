-- mail_reseal :exec
-- Replaces sealed values of queued email, unless they changed meanwhile. Locked rows are skipped: a statement that
-- never waits is in no deadlock, and the command comes again.
--   $1  ids     _text
--   $2  before  _bytea  as it was read, one for each id
--   $3  sealed  _bytea  one for each id

WITH held AS MATERIALIZED (
    SELECT stored.id, fresh.sealed
    FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS fresh (id, before, sealed)
    JOIN mail_queue AS stored ON stored.id = fresh.id::uuid AND stored.payload_sealed = fresh.before
    FOR UPDATE OF stored SKIP LOCKED
)
UPDATE mail_queue
SET payload_sealed = held.sealed
FROM held
WHERE mail_queue.id = held.id
