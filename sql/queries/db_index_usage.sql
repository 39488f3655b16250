-- db_index_usage :many
-- How often each index was used since the statistics were reset, the least used first: an unused index costs every write.
--   ->  table_name   text
--   ->  index_name   text
--   ->  scans        int8
--   ->  index_bytes  int8

SELECT relname::text                        AS table_name,
       indexrelname::text                   AS index_name,
       coalesce(idx_scan, 0)                AS scans,
       pg_relation_size(indexrelid)         AS index_bytes
FROM pg_stat_user_indexes
WHERE schemaname = current_schema()
ORDER BY idx_scan, pg_relation_size(indexrelid) DESC, indexrelname
