-- savepoint_undo :exec
-- Takes back what was done since; the transaction goes on.

ROLLBACK TO SAVEPOINT here
