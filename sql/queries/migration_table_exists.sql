-- migration_table_exists :one
-- Whether the table of migrations exists.
--   ->  present  bool

SELECT to_regclass('sidegate_migrations') IS NOT NULL AS present
