-- cleanup_password_reset_tokens :exec
-- Old reset tokens.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 30000 buffers

WITH old AS MATERIALIZED (
    SELECT id
    FROM password_reset_tokens
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM password_reset_tokens
USING old
WHERE password_reset_tokens.id = old.id
