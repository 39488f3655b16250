-- recovery_code_spend :exec
-- Spends a code: of two concurrent attempts, one updates the row.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()
-- budget: 20 buffers

UPDATE recovery_codes
SET used_at = $2
WHERE id = $1
  AND used_at IS NULL
