-- audit_insert_many :exec
-- Writes down that the same happened to many users, in the transaction in which it happened.
--   $1  ids       _uuid        made by the caller, one for each user
--   $2  user_ids  _uuid        whom it concerns
--   $3  at        timestamptz
--   $4  event     text         one of audit::Event
-- budget: 60 buffers

INSERT INTO audit_logs (id, at, event, outcome, user_id, data)
SELECT entry.id, $3, $4, 'success', entry.user_id, '{}'
FROM unnest($1::uuid[], $2::uuid[]) AS entry (id, user_id)
