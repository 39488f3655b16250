-- cleanup_signing_keys :exec
-- Keys whose last token has expired. The private half goes with the row.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT kid
    FROM signing_keys
    WHERE expires_at < $1
      AND state = 'retired'
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM signing_keys
USING old
WHERE signing_keys.kid = old.kid
