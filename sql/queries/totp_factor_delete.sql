-- totp_factor_delete :exec
-- Deletes the authenticator app of an account, confirmed or not.
--   $1  user_id  uuid
-- budget: 10 buffers

DELETE FROM totp_factors
WHERE user_id = $1
