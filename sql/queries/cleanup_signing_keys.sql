-- cleanup_signing_keys :exec
-- Keys whose last token is dead. The private half goes with the row.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM signing_keys
WHERE kid IN (
    SELECT kid
    FROM signing_keys
    WHERE expires_at < $1
      AND state = 'retired'
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
