-- cleanup_try_lock :one
-- Locks the cleanup until the transaction ends, unless another instance has: one instance at a time.
--   ->  held  bool

SELECT pg_try_advisory_xact_lock(hashtextextended('sidegate:cleanup', 0)) AS held
