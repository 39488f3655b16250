-- migration_lock :one
-- Tries to lock the migrations for this session. Called repeatedly instead of waiting: a session that waits in pg_advisory_lock
-- holds a snapshot, and a CREATE INDEX CONCURRENTLY of the lock's holder would wait for it.
--   ->  held  bool

SELECT pg_try_advisory_lock(hashtextextended('sidegate:migrations', 0)) AS held
