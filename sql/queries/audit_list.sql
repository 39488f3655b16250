-- audit_list :many
-- A page of what happened, the newest first. A filter that is null lets everything pass.
--   $1  user_id     uuid?
--   $2  actor_id    uuid?
--   $3  session_id  uuid?
--   $4  event       text?
--   $5  outcome     text?
--   $6  since       timestamptz?  from this instant on
--   $7  until       timestamptz?  before this instant
--   $8  before_at   timestamptz?  the last row of the page before: its time
--   $9  before_id   uuid?         and its id
--   $10 limit       int8
--   ->  id          uuid
--   ->  at          timestamptz
--   ->  event       text
--   ->  outcome     text
--   ->  actor_id    uuid?
--   ->  user_id     uuid?
--   ->  session_id  uuid?
--   ->  address     inet?
--   ->  user_agent  text?
--   ->  request_id  text?
--   ->  data        jsonb

SELECT id, at, event, outcome, actor_id, user_id, session_id, address, user_agent, request_id, data
FROM audit_logs
WHERE ($1::uuid IS NULL OR user_id = $1)
  AND ($2::uuid IS NULL OR actor_id = $2)
  AND ($3::uuid IS NULL OR session_id = $3)
  AND ($4::text IS NULL OR event = $4)
  AND ($5::text IS NULL OR outcome = $5)
  AND ($6::timestamptz IS NULL OR at >= $6)
  AND ($7::timestamptz IS NULL OR at < $7)
  AND ($8::timestamptz IS NULL OR (at, id) < ($8, $9::uuid))
ORDER BY at DESC, id DESC
LIMIT $10
