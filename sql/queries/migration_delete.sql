-- migration_delete :exec
-- Records that a migration was reverted.
--   $1  version  int4

DELETE FROM sidegate_migrations
WHERE version = $1
