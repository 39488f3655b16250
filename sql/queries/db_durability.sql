-- db_durability :one
-- Reads the settings that decide whether a committed transaction survives a crash of the server.
--   ->  synchronous_commit  text
--   ->  fsync               text
--   ->  full_page_writes    text

SELECT current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes
