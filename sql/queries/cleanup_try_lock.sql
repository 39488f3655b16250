-- cleanup_try_lock :one
-- Holds the cleanup until the transaction ends, if nobody else does: one instance at a time.
--   ->  held  bool

SELECT pg_try_advisory_xact_lock(hashtextextended('sidegate:cleanup', 0)) AS held
