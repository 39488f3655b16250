-- ping :one
-- Checks that the server responds.
--   ->  one  int4

SELECT 1 AS one
