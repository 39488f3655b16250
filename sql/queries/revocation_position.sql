-- revocation_position :one
-- How far a reading of the outbox that follows will have come: rows of transactions older than this are all visible to it, and
-- to no later one more of them. The next reading begins here.
--   ->  position  int8  the oldest transaction that is still running

SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position
