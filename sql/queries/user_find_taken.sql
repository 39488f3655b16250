-- user_find_taken :many
-- Of many ids, email addresses and usernames, the accounts that have them: why accounts could not be imported. At most 500 of
-- each.
--   $1  ids         _uuid
--   $2  emails      _text   canonical
--   $3  usernames   _text   canonical
--   ->  id          uuid
--   ->  email       text
--   ->  username    text?
--   ->  is_deleted  bool
-- budget: 9000 buffers, 25 ms

SELECT id, email, username, deleted_at IS NOT NULL AS is_deleted
FROM users
-- One lookup for each: a plan for many of them might read the whole table.
WHERE ctid = ANY (ARRAY(
    SELECT found.ctid
    FROM unnest($1::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (SELECT ctid FROM users WHERE users.id = wanted.id LIMIT 1) AS found
    UNION
    SELECT found.ctid
    FROM unnest($2::text[]) AS wanted (email)
    CROSS JOIN LATERAL (SELECT ctid FROM users WHERE users.email = wanted.email AND deleted_at IS NULL LIMIT 1) AS found
    UNION
    SELECT found.ctid
    FROM unnest($3::text[]) AS wanted (username)
    CROSS JOIN LATERAL (SELECT ctid FROM users WHERE users.username = wanted.username AND deleted_at IS NULL LIMIT 1) AS found
))
