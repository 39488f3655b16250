-- savepoint_set :exec
-- Sets the savepoint.

SAVEPOINT here
