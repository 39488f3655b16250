-- revocation_listen :exec
-- Wakes this session when a revocation is recorded.

LISTEN sidegate_revocations
