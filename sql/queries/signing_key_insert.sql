-- signing_key_insert :exec
-- Inserts a key that will sign later (next) or at once (active).
--   $1  kid             text
--   $2  algorithm       text
--   $3  state           text          next or active
--   $4  private_sealed  bytea
--   $5  public_jwk      jsonb         the public half alone
--   $6  created_at      timestamptz
--   $7  activated_at    timestamptz?

INSERT INTO signing_keys (kid, algorithm, state, private_sealed, public_jwk, created_at, activated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
