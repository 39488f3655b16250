-- user_outdate :one?
-- Outdates every access token of a user: tokens with an older token_version are refused. Locks the user's row until the
-- transaction ends, as user_find_for_update does.
--   $1  id             uuid
--   ->  token_version  int4
-- budget: 30 buffers

UPDATE users
SET token_version = token_version + 1,
    updated_at    = now()
WHERE id = $1
RETURNING token_version
