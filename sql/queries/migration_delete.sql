-- migration_delete :exec
-- Writes down that a migration was undone.
--   $1  version  int4

DELETE FROM sidegate_migrations
WHERE version = $1
