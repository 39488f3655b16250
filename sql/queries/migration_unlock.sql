-- migration_unlock :one
-- Releases the lock of the migrations.
--   ->  released  bool

SELECT pg_advisory_unlock(hashtextextended('sidegate:migrations', 0)) AS released
