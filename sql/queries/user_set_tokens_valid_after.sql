-- user_set_tokens_valid_after :exec
-- Ends every access token issued before an instant. The instant never moves back.
--   $1  id           uuid
--   $2  valid_after  timestamptz

UPDATE users
SET tokens_valid_after = greatest(tokens_valid_after, $2)
WHERE id = $1
