-- reseal_try_lock :one
-- Locks `sidegate secrets reseal` until the transaction ends, unless it is locked: two at once would revert each other's work.
--   ->  held  bool

SELECT pg_try_advisory_xact_lock(hashtextextended('sidegate:reseal', 0)) AS held
