-- signing_key_withdraw :exec
-- Takes a key out of use at once, whatever its state: it signs no more, verifies no more, and is not published.
--   $1  kid  text
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE signing_keys
SET state      = 'retired',
    retired_at = coalesce(retired_at, $2),
    expires_at = $2
WHERE kid = $1
