-- Back to an empty database: every account, session, event and key goes with it.

DROP TABLE signing_keys;
DROP TABLE audit_logs;
DROP TABLE password_reset_tokens;
DROP TABLE refresh_tokens;
DROP TABLE users;
DROP FUNCTION set_updated_at();
