-- audit_list_by_user :many
-- A page of the audit entries about one account, the newest first. Another filter that is null matches all.
--   $1  user_id     uuid
--   $2  actor_id    uuid?
--   $3  session_id  uuid?
--   $4  address     inet?
--   $5  event       text?
--   $6  outcome     text?
--   $7  since       timestamptz   from this instant on
--   $8  until       timestamptz   before this instant
--   $9  before_at   timestamptz   the last row of the page before: its time; after every row for the first page
--   $10 before_id   uuid          and its id
--   $11 limit       int8
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
-- budget: 250 buffers

SELECT id, at, event, outcome, actor_id, user_id, session_id, address, user_agent, request_id, data
FROM audit_logs
WHERE user_id = $1
  AND ($2::uuid IS NULL OR actor_id = $2)
  AND ($3::uuid IS NULL OR session_id = $3)
  AND ($4::inet IS NULL OR address = $4)
  AND ($5::text IS NULL OR event = $5)
  AND ($6::text IS NULL OR outcome = $6)
  AND at >= $7
  AND at < $8
  AND (at, id) < ($9, $10)
ORDER BY at DESC, id DESC
LIMIT $11
