-- user_find_taken :many
-- Of many ids, addresses and names, the accounts that have them: why accounts could not be made. 500 of each at most.
--   $1  ids         _uuid
--   $2  emails      _text   canonical
--   $3  usernames   _text   canonical
--   ->  id          uuid
--   ->  email       text
--   ->  username    text?
--   ->  is_deleted  bool
-- budget: 6000 buffers

SELECT id, email, username, deleted_at IS NOT NULL AS is_deleted
FROM users
WHERE id IN (
    SELECT id FROM users WHERE id = ANY ($1)
    UNION
    SELECT id FROM users WHERE email = ANY ($2) AND deleted_at IS NULL
    UNION
    SELECT id FROM users WHERE username = ANY ($3) AND deleted_at IS NULL
)
