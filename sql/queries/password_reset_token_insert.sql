-- password_reset_token_insert :exec
-- Adds a token by which a forgotten password may be replaced. For an account that is not there it adds nothing, which is no failure: whoever
-- asks for a letter to an unknown address gets the same answer, after the same statements.
--   $1  id          uuid         made by the caller
--   $2  token_hash  bytea        SHA-256
--   $3  user_id     uuid
--   $4  address     inet?        who asked
--   $5  created_at  timestamptz
--   $6  expires_at  timestamptz

INSERT INTO password_reset_tokens (id, token_hash, user_id, address, created_at, expires_at)
SELECT $1::uuid, $2::bytea, u.id, $4::inet, $5::timestamptz, $6::timestamptz
FROM users AS u
WHERE u.id = $3
  AND u.deleted_at IS NULL
