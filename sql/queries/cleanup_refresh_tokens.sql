-- cleanup_refresh_tokens :exec
-- Old refresh tokens. Kept for a while after their end, so that a late replay is recognised.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM refresh_tokens
WHERE id IN (
    SELECT id
    FROM refresh_tokens
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
