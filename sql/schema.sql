-- The whole schema as it stands. The migrations make the same; a test compares the two, so read here what there is
-- and read sql/migrations for how it came to be.
--
-- Two rules hold for all of them:
--   * The program passes ids and times in. Defaults exist so that a row typed by hand is valid, not for the program's use.
--   * A constraint's name is the sentence that is false when it fails, because that name is all an error shows.

-- Keeps updated_at true whoever writes the row, also by hand.
CREATE FUNCTION set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TABLE users (
    id                   uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    email                text        NOT NULL,
    username             text,
    password_hash        text,                                  -- null: nobody can sign in with a password
    roles                jsonb       NOT NULL DEFAULT '[]',
    permissions          jsonb       NOT NULL DEFAULT '[]',
    profile              jsonb       NOT NULL DEFAULT '{}',
    email_verified_at    timestamptz,
    failed_login_count   integer     NOT NULL DEFAULT 0,        -- since the last success, lock, or quiet window
    last_failed_login_at timestamptz,
    lockout_count        integer     NOT NULL DEFAULT 0,        -- locks in a row: each is longer than the one before
    locked_until         timestamptz,                           -- 9999-12-31: until an operator unlocks it
    password_changed_at  timestamptz,
    tokens_valid_after   timestamptz,                           -- access tokens issued before this instant are outdated
    last_login_at        timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at           timestamptz,                           -- soft delete: the row stays, its names become free
    password_reset_required_at timestamptz,                     -- an operator wants a new password before the next sign-in
    mfa_email_enabled_at timestamptz,                           -- codes by mail as a second factor, by the person's own wish

    CONSTRAINT email_has_one_at_and_no_space CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    CONSTRAINT email_has_at_most_254_characters CHECK (length(email) <= 254),
    -- Someone whose username were another's address would be found in the other's place at login.
    CONSTRAINT username_has_no_at_and_no_space CHECK (username ~ '^[^@\s]+$'),
    CONSTRAINT username_has_at_most_64_characters CHECK (length(username) <= 64),
    CONSTRAINT roles_is_an_array_of_strings
        CHECK (jsonb_typeof(roles) = 'array' AND NOT jsonb_path_exists(roles, '$[*] ? (@.type() != "string")')),
    CONSTRAINT permissions_is_an_array_of_strings
        CHECK (jsonb_typeof(permissions) = 'array' AND NOT jsonb_path_exists(permissions, '$[*] ? (@.type() != "string")')),
    CONSTRAINT profile_is_an_object CHECK (jsonb_typeof(profile) = 'object'),
    CONSTRAINT failed_login_count_is_not_negative CHECK (failed_login_count >= 0),
    CONSTRAINT lockout_count_is_not_negative CHECK (lockout_count >= 0),
    -- The program has no word for infinity.
    CONSTRAINT locked_until_is_finite CHECK (isfinite(locked_until))
);

-- The names of a deleted account are free for another.
CREATE UNIQUE INDEX users_email_is_taken ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_is_taken ON users (lower(username)) WHERE deleted_at IS NULL;
-- Revocations are rebuilt from the last few minutes of this column when Redis has lost them.
CREATE INDEX users_tokens_valid_after ON users (tokens_valid_after) WHERE tokens_valid_after IS NOT NULL;

CREATE TRIGGER users_set_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- A session is the family of rows with one session_id. A row is live while it is neither used nor revoked.
CREATE TABLE refresh_tokens (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash         bytea       NOT NULL,                    -- SHA-256 of the token; the token itself is nowhere
    user_id            uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id         uuid        NOT NULL,
    parent_id          uuid,                                    -- no foreign key: cleanup removes a family oldest first
    session_started_at timestamptz NOT NULL,
    session_expires_at timestamptz NOT NULL,                    -- the limit of the session as a whole
    auth_time          timestamptz NOT NULL,                    -- when the person last proved who they are
    amr                jsonb       NOT NULL DEFAULT '[]',       -- how: RFC 8176
    device_name        text,
    user_agent         text,
    address            inet,
    created_at         timestamptz NOT NULL DEFAULT now(),
    expires_at         timestamptz NOT NULL,
    used_at            timestamptz,
    revoked_at         timestamptz,
    revoked_reason     text,
    metadata           jsonb       NOT NULL DEFAULT '{}',

    CONSTRAINT token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT expires_no_later_than_its_session CHECK (expires_at <= session_expires_at),
    CONSTRAINT is_not_its_own_parent CHECK (parent_id <> id),
    CONSTRAINT amr_is_an_array_of_strings
        CHECK (jsonb_typeof(amr) = 'array' AND NOT jsonb_path_exists(amr, '$[*] ? (@.type() != "string")')),
    CONSTRAINT metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT revoked_at_and_reason_come_together CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);

CREATE UNIQUE INDEX refresh_tokens_token_hash_is_taken ON refresh_tokens (token_hash);
-- However refreshes, lost answers and replays interleave, a session never has two tokens that work.
CREATE UNIQUE INDEX refresh_tokens_session_has_one_live_token
    ON refresh_tokens (session_id) WHERE used_at IS NULL AND revoked_at IS NULL;
-- The sessions of a user; with it the foreign key costs no scan of the live rows.
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_parent_id ON refresh_tokens (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
-- Revocations are rebuilt from the last few minutes of this column when Redis has lost them.
CREATE INDEX refresh_tokens_revoked_at ON refresh_tokens (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE password_reset_tokens (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea       NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address    inet,                                            -- who asked
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,

    CONSTRAINT token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT expires_after_created CHECK (expires_at > created_at)
);

CREATE UNIQUE INDEX password_reset_tokens_token_hash_is_taken ON password_reset_tokens (token_hash);
CREATE INDEX password_reset_tokens_user_id ON password_reset_tokens (user_id);
CREATE INDEX password_reset_tokens_expires_at ON password_reset_tokens (expires_at);

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

-- Written in the transaction of what it records. No foreign keys: an event outlives the account it speaks of.
CREATE TABLE audit_logs (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    at         timestamptz NOT NULL DEFAULT now(),
    event      text        NOT NULL,
    outcome    text        NOT NULL DEFAULT 'success',
    actor_id   uuid,                                            -- who did it; null: nobody signed in, or the system
    user_id    uuid,                                            -- whom it concerns
    session_id uuid,
    address    inet,
    user_agent text,
    request_id text,
    data       jsonb       NOT NULL DEFAULT '{}',

    CONSTRAINT outcome_is_success_or_failure CHECK (outcome IN ('success', 'failure')),
    CONSTRAINT data_is_an_object CHECK (jsonb_typeof(data) = 'object'),
    -- The list of the program's audit::Event; a test compares the two.
    CONSTRAINT event_is_known CHECK (event IN (
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
    ))
);

CREATE INDEX audit_logs_at ON audit_logs (at, id);
CREATE INDEX audit_logs_user_id ON audit_logs (user_id, at, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_logs_event ON audit_logs (event, at, id);
CREATE INDEX audit_logs_address ON audit_logs (address, at, id) WHERE address IS NOT NULL;
CREATE INDEX audit_logs_actor_id ON audit_logs (actor_id, at, id) WHERE actor_id IS NOT NULL;

-- Keys that sign access tokens: next (published, signs nothing yet), active (signs), retired (only verifies).
CREATE TABLE signing_keys (
    kid            text        PRIMARY KEY,
    algorithm      text        NOT NULL,
    state          text        NOT NULL,
    private_sealed bytea       NOT NULL,                        -- AES-256-GCM under auth.secret
    public_jwk     jsonb       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    activated_at   timestamptz,
    retired_at     timestamptz,
    expires_at     timestamptz,                                 -- when the last token it signed is certainly dead

    CONSTRAINT algorithm_is_known CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    CONSTRAINT state_is_next_active_or_retired CHECK (state IN ('next', 'active', 'retired')),
    CONSTRAINT public_jwk_is_an_object CHECK (jsonb_typeof(public_jwk) = 'object'),
    -- A private member here would be served to the world at /.well-known/jwks.json.
    CONSTRAINT public_jwk_holds_no_private_member CHECK (NOT public_jwk ?| ARRAY['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']),
    CONSTRAINT an_active_key_was_activated CHECK (state <> 'active' OR activated_at IS NOT NULL),
    CONSTRAINT a_retired_key_was_retired_and_expires
        CHECK (state <> 'retired' OR (retired_at IS NOT NULL AND expires_at IS NOT NULL))
);

CREATE UNIQUE INDEX signing_keys_one_is_active ON signing_keys (state) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_is_next ON signing_keys (state) WHERE state = 'next';
