-- totp_factor_confirm :exec
-- Notes that the person's authenticator shows the right codes. The step that proved it is spent.
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
