-- audit_list_revoked_tokens :many
-- The access tokens that were revoked one by one since an instant: with the ended sessions and the outdated users, all that
-- a new Redis must be told.
--   $1  since     timestamptz
--   ->  token_id  text?
--   ->  at        timestamptz
-- budget: 200 buffers

SELECT data ->> 'token_id' AS token_id, at
FROM audit_logs
WHERE event = 'token_revoked'
  AND at >= $1
  AND data ? 'token_id'
