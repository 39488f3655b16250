-- signing_key_retire :exec
-- Retires a key: it verifies until the last token it signed has expired.
--   $1  kid         text
--   $2  now         timestamptz  the caller's clock, never now()
--   $3  expires_at  timestamptz

UPDATE signing_keys
SET state      = 'retired',
    retired_at = $2,
    expires_at = $3
WHERE kid = $1
  AND state <> 'retired'
