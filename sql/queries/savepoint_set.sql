-- savepoint_set :exec
-- Remembers how far the transaction has come.

SAVEPOINT here
