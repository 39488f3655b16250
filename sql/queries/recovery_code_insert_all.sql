-- recovery_code_insert_all :exec
-- Inserts new codes, which sign in to an account whose authenticator app is lost.
--   $1  user_id         uuid
--   $2  ids             _uuid        made by the caller
--   $3  digests_sealed  _bytea       SHA-256, sealed; one for each id
--   $4  now             timestamptz  the caller's clock, never now()
-- budget: 80 buffers

INSERT INTO recovery_codes (id, user_id, digest_sealed, created_at)
SELECT made.id, $1, made.digest_sealed, $4
FROM unnest($2::uuid[], $3::bytea[]) AS made (id, digest_sealed)
