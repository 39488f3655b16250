-- signing_key_lock :exec
-- Holds the signing keys until the transaction ends: instances that start or rotate at once take turns.

SELECT pg_advisory_xact_lock(hashtextextended('sidegate:signing_keys', 0))
