-- session_refresh :exec
-- Replaces the live refresh token of a session; no row if it is not the live one any more, or the session has ended. One
-- statement instead of a lock and a decision: of 200 concurrent refreshes the first updates the session's row, and the others,
-- which waited for it, find another generation there. The predecessor is kept, so that a retry with it gets the same response;
-- older tokens are deleted.
--   $1  session_id     uuid
--   $2  live           int4         the generation that was live when the caller looked
--   $3  presented      int4         the same; or the one before it, when the response with the live one was lost
--   $4  now            timestamptz  the caller's clock, never now()
--   $5  token_hash     bytea        SHA-256 of the successor
--   $6  expires_at     timestamptz  of the successor
--   $7  response_sealed  bytea        for a retry with the same token
--   $8  user_agent     text?
--   $9  address        inet?
--   $10 fingerprint    bytea?       SHA-256 of the network and the user agent, when one of them changed
-- budget: 50 buffers

WITH refreshed AS (
    UPDATE sessions
    SET generation   = $2 + 1,
        refreshed_at = $4,
        user_agent   = $8,
        address      = $9
    WHERE id = $1
      AND generation = $2
      AND ended_at IS NULL
    RETURNING id, user_id
), used AS (
    UPDATE refresh_tokens
    SET used_at       = $4,
        response_sealed = NULL
    FROM refreshed
    WHERE session_id = refreshed.id
      AND generation = $3
      AND used_at IS NULL
), older AS (
    DELETE FROM refresh_tokens
    USING refreshed
    WHERE session_id = refreshed.id
      AND generation <> $3
), device AS (
    INSERT INTO devices (user_id, fingerprint, first_seen_at, last_seen_at)
    SELECT refreshed.user_id, $10::bytea, $4, $4
    FROM refreshed
    WHERE $10::bytea IS NOT NULL
    ON CONFLICT (user_id, fingerprint) DO UPDATE
    SET last_seen_at = excluded.last_seen_at
    WHERE devices.last_seen_at < excluded.last_seen_at - interval '1 day'
)
INSERT INTO refresh_tokens (session_id, generation, replaces, token_hash, created_at, expires_at, response_sealed)
SELECT refreshed.id, $2 + 1, $3, $5, $4, $6, $7
FROM refreshed
