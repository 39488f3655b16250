-- db_table_sizes :many
-- The sizes of the tables, the largest first.
--   ->  table_name      text
--   ->  estimated_rows  int8
--   ->  table_bytes     int8
--   ->  index_bytes     int8
--   ->  dead_rows       int8

SELECT c.relname::text                                    AS table_name,
       greatest(c.reltuples, 0)::bigint                   AS estimated_rows,
       pg_table_size(c.oid)                               AS table_bytes,
       pg_indexes_size(c.oid)                             AS index_bytes,
       coalesce(s.n_dead_tup, 0)                          AS dead_rows
FROM pg_class AS c
LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
WHERE c.relkind = 'r'
  AND c.relnamespace = current_schema()::regnamespace
ORDER BY pg_total_relation_size(c.oid) DESC, c.relname
