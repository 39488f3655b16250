-- signing_key_reseal :exec
-- Replaces sealed values of signing keys, unless they changed meanwhile. Locked rows are skipped: a statement that
-- never waits is in no deadlock, and the command comes again.
--   $1  ids     _text
--   $2  before  _bytea  as it was read, one for each id
--   $3  sealed  _bytea  one for each id

WITH held AS MATERIALIZED (
    SELECT stored.kid, fresh.sealed
    FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS fresh (id, before, sealed)
    JOIN signing_keys AS stored ON stored.kid = fresh.id AND stored.private_sealed = fresh.before
    FOR UPDATE OF stored SKIP LOCKED
)
UPDATE signing_keys
SET private_sealed = held.sealed
FROM held
WHERE signing_keys.kid = held.kid
