-- signing_key_withdraw :exec
-- Withdraws a key at once, whatever its state: it does not sign, verify, or get published any more.
--   $1  kid  text
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE signing_keys
SET state      = 'retired',
    retired_at = coalesce(retired_at, $2),
    expires_at = $2
WHERE kid = $1
