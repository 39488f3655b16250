-- migration_table_create :exec
-- Creates the table in which migrations are recorded.

CREATE TABLE IF NOT EXISTS sidegate_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   bytea       NOT NULL,
    applied_at timestamptz NOT NULL,
    expands    boolean     NOT NULL,

    CONSTRAINT version_is_positive CHECK (version > 0),
    CONSTRAINT checksum_is_a_sha256 CHECK (octet_length(checksum) = 32)
)
