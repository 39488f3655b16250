-- cleanup_invitations :exec
-- Old invitations, used or not.
-- Removes one batch; a row that somebody holds waits for the next run.
--   $1  before  timestamptz
--   $2  limit   int8

DELETE FROM invitations
WHERE id IN (
    SELECT id
    FROM invitations
    WHERE expires_at < $1
    ORDER BY expires_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
