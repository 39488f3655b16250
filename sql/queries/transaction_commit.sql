-- transaction_commit :exec
-- Makes it true.

COMMIT
