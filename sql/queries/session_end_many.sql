-- session_end_many :many
-- Ends every session of many users. The caller has locked the users' rows (user_outdate_many). The refresh tokens are deleted:
-- after the end only the reason is needed. A token that a concurrent refresh inserts remains until it expires, but is not valid.
--   $1  user_ids    _uuid
--   $2  now         timestamptz  the caller's clock, never now()
--   $3  reason      text
--   ->  session_id  uuid
-- budget: 30000 buffers, 100 ms

WITH ended AS (
    UPDATE sessions
    SET ended_at   = $2,
        end_reason = $3
    WHERE user_id = ANY ($1)
      AND ended_at IS NULL
    RETURNING id
), tokens AS (
    DELETE FROM refresh_tokens
    WHERE session_id = ANY (ARRAY(SELECT id FROM ended))
)
SELECT id AS session_id
FROM ended
