-- migration_unlock :one
-- Lets the next instance migrate.
--   ->  released  bool

SELECT pg_advisory_unlock(hashtextextended('sidegate:migrations', 0)) AS released
