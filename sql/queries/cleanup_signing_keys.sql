-- cleanup_signing_keys :exec
-- Keys whose last token has expired. The private key is deleted with the row. Removes one batch; locked rows are skipped until
-- the next run. By their physical location (ctid), and not by a join: for any limit PostgreSQL expects a tenth of the table,
-- and would read all of it.
--   $1  before  timestamptz
--   $2  limit   int8
-- budget: 100 buffers

DELETE FROM signing_keys
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM signing_keys
    WHERE expires_at < $1
      AND state = 'retired'
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
