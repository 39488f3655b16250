-- migration_list :many
-- The migrations that ran, in their order.
--   ->  version     int4
--   ->  name        text
--   ->  checksum    bytea
--   ->  applied_at  timestamptz
--   ->  expands     bool

SELECT version, name, checksum, applied_at, expands
FROM sidegate_migrations
ORDER BY version
