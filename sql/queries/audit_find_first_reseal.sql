-- audit_find_first_reseal :one
-- When all values were encrypted with a secret for the first time.
--   $1  key_id  text
--   ->  at      timestamptz?
-- budget: 10 buffers

SELECT min(at) AS at
FROM audit_logs
WHERE event = 'secrets_resealed'
  AND data ->> 'key_id' = $1
