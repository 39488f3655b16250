-- cleanup_password_reset_tokens :exec
-- Old reset tokens.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM password_reset_tokens
WHERE id IN (
    SELECT id
    FROM password_reset_tokens
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
