-- revocation_insert :many
-- Records revocations in the transaction of the change that caused them, and notifies every issuer at the commit. The
-- notification has no payload: issuers read the table.
--   $1  kinds           _text         token, session, user, key
--   $2  subjects        _text         a jti, a sid, a user's id or a kid
--   $3  token_versions  _int4         of a user, else NULL
--   $4  created_at      timestamptz   the caller's clock, never now()
--   $5  expires_at      _timestamptz  when the last token that it refuses has expired
--   ->  id              int8          in the order of the parameters

WITH added AS (
    INSERT INTO revocations (kind, subject, token_version, created_at, expires_at)
    SELECT new.kind, new.subject, new.token_version, $4, new.expires_at
    FROM unnest($1::text[], $2::text[], $3::integer[], $5::timestamptz[])
             WITH ORDINALITY AS new (kind, subject, token_version, expires_at, number)
    ORDER BY new.number
    RETURNING id
)
SELECT id, pg_notify('sidegate_revocations', '')
FROM added
ORDER BY id
