-- cleanup_refresh_responses :exec
-- Deletes the stored responses that cannot be requested any more, of tokens whose successor was not refreshed since. There is
-- no index by the time of issue, which would cost every refresh: tokens issued in a period expire in one, except near the end
-- of their session, and those are deleted by their expiry soon.
--   $1  issued_before   timestamptz
--   $2  expires_from    timestamptz
--   $3  expires_before  timestamptz
--   $4  limit           int8
-- budget: 6000 buffers, 50 ms

UPDATE refresh_tokens
SET response_sealed = NULL
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM refresh_tokens
    WHERE expires_at >= $2
      AND expires_at < $3
      AND created_at < $1
      AND response_sealed IS NOT NULL
    ORDER BY expires_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
))
