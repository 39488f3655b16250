-- recovery_code_list :many
-- Lists the unused codes of an account.
--   $1  user_id        uuid
--   ->  id             uuid
--   ->  digest_sealed  bytea
-- budget: 20 buffers

SELECT id, digest_sealed
FROM recovery_codes
WHERE user_id = $1
  AND used_at IS NULL
