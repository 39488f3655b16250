-- session_is_from_known_device :one
-- Whether any session of an account, open or over, came from this network with this client. The network is an IPv4
-- address, or the first 64 bits of an IPv6 address: one customer has all the rest.
--   $1  user_id     uuid
--   $2  user_agent  text?
--   $3  address     inet?
--   ->  known       bool

SELECT EXISTS (
    SELECT
    FROM refresh_tokens
    WHERE user_id = $1
      AND user_agent IS NOT DISTINCT FROM $2::text
      AND network(set_masklen(address, CASE family(address) WHEN 4 THEN 32 ELSE 64 END))
          IS NOT DISTINCT FROM network(set_masklen($3::inet, CASE family($3::inet) WHEN 4 THEN 32 ELSE 64 END))
) AS known
