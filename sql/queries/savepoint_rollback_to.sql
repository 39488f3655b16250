-- savepoint_rollback_to :exec
-- Reverts the changes since the savepoint; the transaction continues.

ROLLBACK TO SAVEPOINT here
