-- revocation_list_since :many
-- A page of the outbox.
--   $1  xact           int8         from the row after this transaction and id
--   $2  id             int8
--   $3  alive_at       timestamptz  the caller's clock, less a margin: what has expired is of no use to anybody
--   $4  limit          int8
--   ->  xact           int8
--   ->  id             int8
--   ->  kind           text
--   ->  subject        text
--   ->  token_version  int4?
--   ->  expires_at     timestamptz

SELECT xact::text::bigint AS xact, id, kind, subject, token_version, expires_at
FROM revocations
WHERE (xact, id) > ($1::bigint::text::xid8, $2::bigint)
  AND expires_at > $3
ORDER BY revocations.xact, id
LIMIT $4
