-- recovery_code_delete_all :exec
-- Removes every code of an account, used or not.
--   $1  user_id  uuid
-- budget: 40 buffers

DELETE FROM recovery_codes
WHERE user_id = $1
