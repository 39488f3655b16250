-- mail_delete :exec
-- Removes a message that was sent.
--   $1  id  uuid

DELETE FROM mail_queue
WHERE id = $1
