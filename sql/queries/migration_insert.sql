-- migration_insert :exec
-- Records that a migration ran.
--   $1  version     int4
--   $2  name        text
--   $3  checksum    bytea        SHA-256 of both its files
--   $4  applied_at  timestamptz
--   $5  expands     bool         whether the release before it can ignore it

INSERT INTO sidegate_migrations (version, name, checksum, applied_at, expands)
VALUES ($1, $2, $3, $4, $5)
