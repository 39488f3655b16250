-- What accounts need beyond a password: mail, second factors, invitations.

ALTER TABLE users
    ADD COLUMN password_reset_required_at timestamptz,                -- an operator wants a new password before the next sign-in
    ADD COLUMN mfa_email_enabled_at       timestamptz;                -- codes by mail as a second factor, by the person's own wish

-- One authenticator per account. Unconfirmed, it asks for nothing yet.
CREATE TABLE totp_factors (
    user_id       uuid        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret_sealed bytea       NOT NULL,                               -- AES-256-GCM under auth.secret
    created_at    timestamptz NOT NULL DEFAULT now(),
    confirmed_at  timestamptz,
    last_step     bigint,                                             -- the last time step accepted: none is accepted twice
    last_used_at  timestamptz,

    CONSTRAINT last_step_is_not_negative CHECK (last_step >= 0)
);

CREATE TABLE recovery_codes (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest_sealed bytea    NOT NULL,                                  -- SHA-256 of the code, AES-256-GCM under auth.secret
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);

CREATE INDEX recovery_codes_user_id ON recovery_codes (user_id);

-- Letters that wait to be sent. A row goes when its letter was accepted, or stays with failed_at when it never will be.
CREATE TABLE mail_queue (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    letter          text        NOT NULL,                             -- which of the program's letters
    user_id         uuid        REFERENCES users (id) ON DELETE CASCADE,
    payload_sealed  bytea       NOT NULL,                             -- recipient and data, AES-256-GCM under auth.secret: they hold codes and links
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,                             -- a code that has expired is not worth sending
    attempts        integer     NOT NULL DEFAULT 0,
    last_error      text,
    failed_at       timestamptz,

    CONSTRAINT expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT attempts_is_not_negative CHECK (attempts >= 0)
);

CREATE INDEX mail_queue_next_attempt_at ON mail_queue (next_attempt_at) WHERE failed_at IS NULL;
CREATE INDEX mail_queue_user_id ON mail_queue (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mail_queue_failed_at ON mail_queue (failed_at) WHERE failed_at IS NOT NULL;

CREATE TABLE invitations (
    id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash  bytea       NOT NULL,                                 -- SHA-256 of the token in the mailed link
    email       text        NOT NULL,                                 -- who may use it
    roles       jsonb       NOT NULL DEFAULT '[]',                    -- what they get with the account
    invited_by  uuid,                                                 -- no foreign key: an invitation outlives who sent it
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz,

    CONSTRAINT token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT email_has_one_at_and_no_space CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    CONSTRAINT roles_is_an_array_of_strings
        CHECK (jsonb_typeof(roles) = 'array' AND NOT jsonb_path_exists(roles, '$[*] ? (@.type() != "string")'))
);

CREATE UNIQUE INDEX invitations_token_hash_is_taken ON invitations (token_hash);
CREATE INDEX invitations_email ON invitations (lower(email));
CREATE INDEX invitations_expires_at ON invitations (expires_at);

-- Whoever asks for the audit log of an address or of what an administrator did.
CREATE INDEX audit_logs_address ON audit_logs (address, at, id) WHERE address IS NOT NULL;
CREATE INDEX audit_logs_actor_id ON audit_logs (actor_id, at, id) WHERE actor_id IS NOT NULL;

ALTER TABLE audit_logs DROP CONSTRAINT event_is_known;
ALTER TABLE audit_logs ADD CONSTRAINT event_is_known CHECK (event IN (
    'user_registered', 'user_created', 'user_deleted', 'user_restored', 'user_locked', 'user_unlocked',
    'user_invited', 'invitation_revoked', 'user_imported',
    'login_succeeded', 'login_failed', 'account_locked', 'new_device_seen',
    'token_refreshed', 'refresh_reused', 'refresh_answer_lost', 'token_revoked',
    'logged_out', 'session_revoked', 'sessions_revoked',
    'password_changed', 'password_set', 'password_rehashed', 'password_reset_requested', 'password_reset',
    'password_reset_required',
    'email_verification_requested', 'email_verified', 'email_verification_failed',
    'email_change_requested', 'email_changed',
    'profile_changed', 'roles_changed', 'permissions_changed',
    'mfa_enrolled', 'mfa_confirmed', 'mfa_removed', 'mfa_succeeded', 'mfa_failed', 'mfa_email_enabled', 'mfa_email_disabled',
    'recovery_codes_created', 'recovery_code_used',
    'signing_key_created', 'signing_key_rotated', 'signing_key_retired', 'secrets_resealed',
    'client_refused', 'mail_failed', 'config_reloaded'
));
