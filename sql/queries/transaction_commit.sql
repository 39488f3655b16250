-- transaction_commit :exec
-- Commits the transaction.

COMMIT
