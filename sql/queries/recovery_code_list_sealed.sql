-- recovery_code_list_sealed :many
-- Lists the sealed values of recovery codes, a page at a time, for `sidegate secrets reseal`.
--   $1  after    text   the last id of the page before
--   $2  limit    int8
--   ->  id       text
--   ->  context  text   what the value is bound to
--   ->  sealed   bytea
-- budget: 1400 buffers

SELECT id::text AS id, user_id::text AS context, digest_sealed AS sealed
FROM recovery_codes
WHERE id > $1::text::uuid
ORDER BY recovery_codes.id
LIMIT $2
