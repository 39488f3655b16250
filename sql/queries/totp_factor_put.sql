-- totp_factor_put :exec
-- Inserts an authenticator app, which replaces an unconfirmed one. A confirmed one is kept: then no row is affected.
--   $1  user_id        uuid
--   $2  secret_sealed  bytea
--   $3  now            timestamptz  the caller's clock, never now()
-- budget: 16 buffers

INSERT INTO totp_factors AS held (user_id, secret_sealed, created_at)
VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE
SET secret_sealed = excluded.secret_sealed,
    created_at    = excluded.created_at
WHERE held.confirmed_at IS NULL
