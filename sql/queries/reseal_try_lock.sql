-- reseal_try_lock :one
-- Holds `sidegate secrets reseal` until the transaction ends, if nobody else does: two at once would undo each other's work.
--   ->  held  bool

SELECT pg_try_advisory_xact_lock(hashtextextended('sidegate:reseal', 0)) AS held
