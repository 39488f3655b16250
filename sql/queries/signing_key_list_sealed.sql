-- signing_key_list_sealed :many
-- Lists the sealed values of signing keys, a page at a time, for `sidegate secrets reseal`.
--   $1  after    text   the last id of the page before
--   $2  limit    int8
--   ->  id       text
--   ->  context  text   what the value is bound to
--   ->  sealed   bytea

SELECT kid AS id, kid AS context, private_sealed AS sealed
FROM signing_keys
WHERE kid > $1::text
ORDER BY signing_keys.kid
LIMIT $2
