-- totp_factor_list_sealed :many
-- Lists the sealed values of authenticator apps, a page at a time, for `sidegate secrets reseal`.
--   $1  after    text   the last id of the page before
--   $2  limit    int8
--   ->  id       text
--   ->  context  text   what the value is bound to
--   ->  sealed   bytea
-- budget: 1400 buffers

SELECT user_id::text AS id, user_id::text AS context, secret_sealed AS sealed
FROM totp_factors
WHERE user_id > $1::text::uuid
ORDER BY totp_factors.user_id
LIMIT $2
