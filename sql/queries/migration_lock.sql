-- migration_lock :one
-- Tries to hold the migrations for this session. Asked again and again rather than waited for: a session that waits in
-- pg_advisory_lock holds a snapshot, and a CREATE INDEX CONCURRENTLY of the one who has the lock would wait for it.
--   ->  held  bool

SELECT pg_try_advisory_lock(hashtextextended('sidegate:migrations', 0)) AS held
