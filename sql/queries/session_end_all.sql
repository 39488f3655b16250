-- session_end_all :many
-- Ends every session of a user. The caller has locked the user's row (user_find_for_update). The refresh tokens are deleted:
-- after the end only the reason is needed. A token that a concurrent refresh inserts remains until it expires, but is not
-- valid.
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
