-- signing_key_lock :exec
-- Locks the signing keys until the transaction ends, so that instances that start or rotate at the same time take turns.

SELECT pg_advisory_xact_lock(hashtextextended('sidegate:signing_keys', 0))
