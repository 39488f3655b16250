-- recovery_code_spend :exec
-- Spends a code: of two that present it at once, one touches the row.
--   $1  user_id    uuid
--   $2  code_hash  bytea
--   $3  now        timestamptz  the caller's clock, never now()

UPDATE recovery_codes
SET used_at = $3
WHERE user_id = $1
  AND code_hash = $2
  AND used_at IS NULL
