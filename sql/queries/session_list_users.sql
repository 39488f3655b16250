-- session_list_users :many
-- A page of the accounts with open sessions, in the order of their ids.
--   $1  after    uuid  the last one of the previous page
--   $2  limit    int8
--   ->  user_id  uuid
-- budget: 3000 buffers

SELECT DISTINCT user_id
FROM sessions
WHERE ended_at IS NULL
  AND user_id > $1
ORDER BY user_id
LIMIT $2
