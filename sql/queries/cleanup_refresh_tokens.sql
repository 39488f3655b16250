-- cleanup_refresh_tokens :exec
-- Refresh tokens that expired, and the end of the sessions whose live token they were.
-- Removes one batch; a row that another transaction holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 60000 buffers

WITH old AS MATERIALIZED (
    SELECT session_id, generation, expires_at
    FROM refresh_tokens
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE sessions
    SET ended_at   = old.expires_at,
        end_reason = 'expired'
    FROM old
    WHERE sessions.id = old.session_id
      AND sessions.generation = old.generation
      AND sessions.ended_at IS NULL
)
DELETE FROM refresh_tokens
USING old
WHERE refresh_tokens.session_id = old.session_id
  AND refresh_tokens.generation = old.generation
