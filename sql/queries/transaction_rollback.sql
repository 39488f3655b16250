-- transaction_rollback :exec
-- Forgets it.

ROLLBACK
