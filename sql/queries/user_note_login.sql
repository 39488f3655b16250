-- user_note_login :exec
-- Notes a successful login and leaves failures and locks as they are: its owner signed in on a known device while a
-- stranger is guessing, and whoever guesses must not get a fresh count by that.
--   $1  id   uuid
--   $2  now  timestamptz  the caller's clock, never now()

UPDATE users
SET last_login_at = $2
WHERE id = $1
  AND deleted_at IS NULL
