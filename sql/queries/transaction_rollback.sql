-- transaction_rollback :exec
-- Rolls the transaction back.

ROLLBACK
