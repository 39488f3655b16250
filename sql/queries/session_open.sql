-- session_open :one
-- Opens a session with its first refresh token, records the sign-in in the account, and returns whether the account was never
-- used with this fingerprint before. The caller has locked the user's row (user_find_for_update). A sign-in to a locked account
-- (by the owner on a known device, while somebody guesses passwords) keeps failures and lock: otherwise the guessing could
-- start again. Ends the open sessions beyond a number for each account, those first that were not refreshed for the longest
-- time. By their physical location (ctid), and not by a join: for any offset PostgreSQL expects a tenth of the table.
--   $1  session_id        uuid         made by the caller
--   $2  user_id           uuid
--   $3  device_id         uuid
--   $4  device_name       text?
--   $5  user_agent        text?
--   $6  address           inet?
--   $7  amr               _text
--   $8  now               timestamptz  the caller's clock, never now()
--   $9  expires_at        timestamptz  of the session as a whole
--   $10 token_hash        bytea        SHA-256
--   $11 token_expires_at  timestamptz
--   $12 fingerprint       bytea        SHA-256 of the network and the user agent
--   $13 per_user          int8         the most open sessions of an account, with this one
--   ->  is_new_device     bool
--   ->  ended             _uuid        the sessions that were ended
-- budget: 100 buffers

WITH opened AS (
    INSERT INTO sessions (id, user_id, device_id, device_name, user_agent, address, amr, created_at, refreshed_at, auth_time,
                          expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $9)
), token AS (
    INSERT INTO refresh_tokens (session_id, generation, token_hash, created_at, expires_at)
    VALUES ($1, 1, $10, $8, $11)
), surplus AS (
    UPDATE sessions
    SET ended_at   = $8,
        end_reason = 'session_limit'
    WHERE ctid = ANY (ARRAY(
        SELECT ctid
        FROM sessions
        WHERE user_id = $2
          AND ended_at IS NULL
        ORDER BY refreshed_at DESC, id
        OFFSET $13::int8 - 1
    ))
      AND user_id = $2
      AND ended_at IS NULL
    RETURNING id
), surplus_tokens AS (
    DELETE FROM refresh_tokens
    USING surplus
    WHERE session_id = surplus.id
), login AS (
    UPDATE users
    SET last_login_at        = $8,
        failed_login_count   = CASE WHEN locked_until > $8 THEN failed_login_count ELSE 0 END,
        last_failed_login_at = CASE WHEN locked_until > $8 THEN last_failed_login_at END,
        lockout_count        = CASE WHEN locked_until > $8 THEN lockout_count ELSE 0 END,
        locked_until         = CASE WHEN locked_until > $8 THEN locked_until END,
        locked_by            = CASE WHEN locked_until > $8 THEN locked_by END,
        updated_at           = now()
    WHERE id = $2
), device AS (
    INSERT INTO devices (user_id, fingerprint, first_seen_at, last_seen_at)
    VALUES ($2, $12, $8, $8)
    ON CONFLICT (user_id, fingerprint) DO UPDATE
    SET last_seen_at = excluded.last_seen_at
    WHERE devices.last_seen_at < excluded.last_seen_at - interval '1 day'
    RETURNING xmax = 0 AS is_new
)
SELECT coalesce((SELECT bool_or(is_new) FROM device), false) AS is_new_device,
       ARRAY(SELECT id FROM surplus)                         AS ended
