-- user_find_taken :many
-- Of many ids, addresses and names, the accounts that have them: why accounts could not be made.
--   $1  ids         _uuid
--   $2  emails      _text   canonical
--   $3  usernames   _text   canonical
--   ->  id          uuid
--   ->  email       text
--   ->  username    text?
--   ->  is_deleted  bool

SELECT id, email, username, deleted_at IS NOT NULL AS is_deleted
FROM users
WHERE id = ANY ($1)
   OR deleted_at IS NULL AND lower(email) = ANY ($2)
   OR deleted_at IS NULL AND lower(username) = ANY ($3)
