-- totp_factor_reseal :exec
-- Replaces sealed values of authenticators, unless they changed meanwhile. Locked rows are skipped: a statement that
-- never waits is in no deadlock, and the command comes again.
--   $1  ids     _text
--   $2  before  _bytea  as it was read, one for each id
--   $3  sealed  _bytea  one for each id

WITH held AS MATERIALIZED (
    SELECT stored.user_id, fresh.sealed
    FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS fresh (id, before, sealed)
    JOIN totp_factors AS stored ON stored.user_id = fresh.id::uuid AND stored.secret_sealed = fresh.before
    FOR UPDATE OF stored SKIP LOCKED
)
UPDATE totp_factors
SET secret_sealed = held.sealed
FROM held
WHERE totp_factors.user_id = held.user_id
