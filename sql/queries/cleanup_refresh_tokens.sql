-- cleanup_refresh_tokens :exec
-- Expired refresh tokens, and the end of the sessions whose live token they were. Removes one batch; locked rows are skipped
-- until the next run. Rows are found by physical location (ctid) and id, and not by a join: for any limit PostgreSQL expects a
-- tenth of the table, and would read all sessions.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 20000 buffers, 100 ms

WITH old AS MATERIALIZED (
    SELECT ctid AS place, session_id
    FROM refresh_tokens
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE sessions
    SET ended_at   = (SELECT expires_at FROM refresh_tokens AS live WHERE live.session_id = id AND live.generation = sessions.generation),
        end_reason = 'expired'
    WHERE id = ANY (ARRAY(SELECT session_id FROM old))
      AND (SELECT expires_at FROM refresh_tokens AS live WHERE live.session_id = id AND live.generation = sessions.generation) < $1
      AND ended_at IS NULL
)
DELETE FROM refresh_tokens
WHERE ctid = ANY (ARRAY(SELECT place FROM old))
