-- db_connections :many
-- The connections to this database by application and state, the largest number first.
--   ->  application      text
--   ->  state            text
--   ->  connections      int8
--   ->  longest_seconds  float8

SELECT coalesce(nullif(application_name, ''), 'unnamed')                                     AS application,
       coalesce(state, 'unknown')                                                            AS state,
       count(*)                                                                              AS connections,
       coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8        AS longest_seconds
FROM pg_stat_activity
WHERE datname = current_database()
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
