-- savepoint_keep :exec
-- Keeps what was done since.

RELEASE SAVEPOINT here
