-- totp_factor_spend :exec
-- Spends a time step, which works once and only forwards: of two concurrent attempts with one code, one updates the row (RFC
-- 6238 section 5.2). An observed code is useless after the owner has used it.
--   $1  user_id  uuid
--   $2  step     int8
--   $3  now      timestamptz  the caller's clock, never now()
-- budget: 16 buffers

UPDATE totp_factors
SET last_step    = $2,
    last_used_at = $3
WHERE user_id = $1
  AND confirmed_at IS NOT NULL
  AND (last_step IS NULL OR last_step < $2)
