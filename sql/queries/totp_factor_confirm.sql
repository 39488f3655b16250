-- totp_factor_confirm :exec
-- Confirms an authenticator app, and spends the time step of the code.
--   $1  user_id  uuid
--   $2  step     int8
--   $3  now      timestamptz  the caller's clock, never now()
-- budget: 24 buffers

UPDATE totp_factors
SET confirmed_at = $3,
    last_step    = $2,
    last_used_at = $3
WHERE user_id = $1
  AND confirmed_at IS NULL
