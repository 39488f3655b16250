-- mail_list_sealed :many
-- Lists the sealed values of queued email, a page at a time, for `sidegate secrets reseal`.
--   $1  after    text   the last id of the page before
--   $2  limit    int8
--   ->  id       text
--   ->  context  text   what the value is bound to
--   ->  sealed   bytea

SELECT id::text AS id, ''::text AS context, payload_sealed AS sealed
FROM mail_queue
WHERE id > $1::text::uuid
  AND payload_sealed <> ''
ORDER BY mail_queue.id
LIMIT $2
