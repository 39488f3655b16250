-- revocation_listen :exec
-- Notifies this session when a revocation is recorded.

LISTEN sidegate_revocations
