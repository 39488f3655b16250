-- signing_key_list :many
-- All keys, the oldest first. There are few.
--   ->  kid             text
--   ->  algorithm       text
--   ->  state           text
--   ->  private_sealed  bytea
--   ->  public_jwk      jsonb
--   ->  created_at      timestamptz
--   ->  activated_at    timestamptz?
--   ->  retired_at      timestamptz?
--   ->  expires_at      timestamptz?

SELECT kid, algorithm, state, private_sealed, public_jwk, created_at, activated_at, retired_at, expires_at
FROM signing_keys
ORDER BY created_at, kid
