-- password_reset_token_insert :exec
-- Inserts a password reset token.
--   $1  id          uuid         made by the caller
--   $2  token_hash  bytea        SHA-256
--   $3  user_id     uuid
--   $4  address     inet?        who asked
--   $5  created_at  timestamptz
--   $6  expires_at  timestamptz

INSERT INTO password_reset_tokens (id, token_hash, user_id, address, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
