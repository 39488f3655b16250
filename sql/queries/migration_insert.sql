-- migration_insert :exec
-- Writes down that a migration ran.
--   $1  version     int4
--   $2  name        text
--   $3  checksum    bytea        SHA-256 of both its files
--   $4  applied_at  timestamptz

INSERT INTO sidegate_migrations (version, name, checksum, applied_at)
VALUES ($1, $2, $3, $4)
