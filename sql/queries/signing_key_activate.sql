-- signing_key_activate :exec
-- Makes the next key the active one. The previous one has to be retired before: there is at most one.
--   $1  kid  text
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE signing_keys
SET state        = 'active',
    activated_at = $2
WHERE kid = $1
  AND state = 'next'
