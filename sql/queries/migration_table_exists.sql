-- migration_table_exists :one
-- Whether any migration ever ran here.
--   ->  present  bool

SELECT to_regclass('sidegate_migrations') IS NOT NULL AS present
