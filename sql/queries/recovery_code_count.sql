-- recovery_code_count :one
-- Counts the unused codes of an account.
--   $1  user_id  uuid
--   ->  unused   int8
-- budget: 20 buffers

SELECT count(*) AS unused
FROM recovery_codes
WHERE user_id = $1
  AND used_at IS NULL
