-- transaction_begin :exec
-- Read committed whatever the server's default: the locks of the queries are written for it.

BEGIN ISOLATION LEVEL READ COMMITTED
