-- savepoint_release :exec
-- Releases the savepoint: its changes are part of the transaction.

RELEASE SAVEPOINT here
