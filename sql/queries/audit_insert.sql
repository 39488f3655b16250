-- audit_insert :exec
-- Inserts an audit entry, in the transaction of the change it records.
--   $1  id          uuid         made by the caller, in order of time
--   $2  at          timestamptz
--   $3  event       text         one of audit::Event
--   $4  outcome     text         success or failure
--   $5  actor_id    uuid?        who did it
--   $6  user_id     uuid?        the affected account
--   $7  session_id  uuid?
--   $8  address     inet?
--   $9  user_agent  text?
--   $10 request_id  text?
--   $11 data        jsonb        object; never a token, a password or a code
-- budget: 40 buffers

INSERT INTO audit_logs (id, at, event, outcome, actor_id, user_id, session_id, address, user_agent, request_id, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
