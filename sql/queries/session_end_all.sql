-- session_end_all :many
-- Ends every session of a user.
-- The caller holds the user's row (user_find_for_update). The refresh tokens are deleted: that the session has ended is all that
-- is ever asked about them again. One that a refresh inserts at this very moment stays until it expires, worth as little.
--   $1  user_id     uuid
--   $2  now         timestamptz  the caller's clock, never now()
--   $3  reason      text
--   ->  session_id  uuid
-- budget: 400 buffers

WITH ended AS (
    UPDATE sessions
    SET ended_at   = $2,
        end_reason = $3
    WHERE user_id = $1
      AND ended_at IS NULL
    RETURNING id
), tokens AS (
    DELETE FROM refresh_tokens
    USING ended
    WHERE session_id = ended.id
)
SELECT id AS session_id
FROM ended
