-- mail_reseal :exec
-- Replaces sealed values of queued email, unless they changed meanwhile. Locked rows are skipped: a statement that never waits
-- cannot deadlock, and the command runs again.
--   $1  ids     _text
--   $2  before  _bytea  as it was read, one for each id
--   $3  sealed  _bytea  one for each id

WITH held AS MATERIALIZED (
    SELECT stored.place, fresh.sealed
    FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS fresh (id, before, sealed)
    CROSS JOIN LATERAL (
        SELECT ctid AS place
        FROM mail_queue
        WHERE mail_queue.id = fresh.id::uuid
          AND payload_sealed = fresh.before
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS stored
)
-- By physical location (ctid), and not by a join, for which PostgreSQL might read the whole table.
UPDATE mail_queue
SET payload_sealed = (SELECT held.sealed FROM held WHERE held.place = mail_queue.ctid)
WHERE ctid = ANY (ARRAY(SELECT place FROM held))
