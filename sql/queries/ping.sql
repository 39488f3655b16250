-- ping :one
-- Asks whether the server answers.
--   ->  one  int4

SELECT 1 AS one
