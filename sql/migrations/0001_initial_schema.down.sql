-- Back to an empty database: every account, session, audit entry and key goes with it.

DROP TABLE signing_keys;
DROP TABLE audit_logs;
DROP TABLE audit_events;
DROP TABLE invitations;
DROP TABLE mail_queue;
DROP TABLE recovery_codes;
DROP TABLE totp_factors;
DROP TABLE password_reset_tokens;
DROP TABLE revocations;
DROP TABLE devices;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE user_roles;
DROP TABLE users;
DROP FUNCTION user_roles_replace();
DROP FUNCTION user_roles_insert();
