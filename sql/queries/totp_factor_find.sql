-- totp_factor_find :one?
-- Finds the authenticator app of an account, also an unconfirmed one.
--   $1  user_id        uuid
--   ->  user_id        uuid
--   ->  secret_sealed  bytea
--   ->  created_at     timestamptz
--   ->  confirmed_at   timestamptz?
--   ->  last_step      int8?
--   ->  last_used_at   timestamptz?
-- budget: 8 buffers

SELECT user_id, secret_sealed, created_at, confirmed_at, last_step, last_used_at
FROM totp_factors
WHERE user_id = $1
