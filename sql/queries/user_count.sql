-- user_count :one
-- How many accounts there are.
--   $1  now       timestamptz  the caller's clock, never now()
--   ->  existing  int8
--   ->  locked    int8
--   ->  deleted   int8

SELECT count(*) FILTER (WHERE deleted_at IS NULL)                         AS existing,
       count(*) FILTER (WHERE deleted_at IS NULL AND locked_until > $1)   AS locked,
       count(*) FILTER (WHERE deleted_at IS NOT NULL)                     AS deleted
FROM users
