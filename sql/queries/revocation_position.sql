-- revocation_position :one
-- The position of a reading of the outbox that follows: rows of transactions older than this are visible to it, and no more of
-- them will appear. The next reading begins here.
--   ->  position  int8  the oldest transaction that is still running

SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position
