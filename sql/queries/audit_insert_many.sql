-- audit_insert_many :exec
-- Inserts the same audit entry for many users, in the transaction of the change.
--   $1  ids       _uuid        made by the caller, one for each user
--   $2  user_ids  _uuid        the affected account
--   $3  at        timestamptz
--   $4  event     text         one of audit::Event
-- budget: 60 buffers

INSERT INTO audit_logs (id, at, event, outcome, user_id, data)
SELECT entry.id, $3, $4, 'success', entry.user_id, '{}'
FROM unnest($1::uuid[], $2::uuid[]) AS entry (id, user_id)
