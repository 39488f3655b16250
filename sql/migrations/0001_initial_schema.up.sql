-- The tables of an issuer: accounts, sessions, audit entries, and the keys that sign.

-- Accounts. A login and a wrong password write here, so that no index holds a column which they change and no trigger
-- runs for them; statements set updated_at themselves.
CREATE TABLE users (
    id                         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Byte order: one index serves the look-up and the search by the first characters.
    email                      text        COLLATE "C" NOT NULL,
    username                   text        COLLATE "C",
    password_hash              text,                                  -- null: nobody can sign in with a password
    roles                      jsonb       NOT NULL DEFAULT '[]',
    permissions                jsonb       NOT NULL DEFAULT '[]',
    profile                    jsonb       NOT NULL DEFAULT '{}',
    -- The claim ver of access tokens. It is incremented by whatever outdates older tokens: roles, permissions, a lock, a
    -- password that was set or reset, a factor that an operator removed, "log out everywhere".
    token_version              integer     NOT NULL DEFAULT 1,
    email_verified_at          timestamptz,
    failed_login_count         integer     NOT NULL DEFAULT 0,        -- since the last success, lock, or quiet period
    last_failed_login_at       timestamptz,
    lockout_count              integer     NOT NULL DEFAULT 0,        -- locks in a row: each is longer than the one before
    locked_until               timestamptz,                           -- 9999-12-31: until an operator unlocks it
    locked_by                  text,                                  -- a password reset lifts a lock by failed logins only
    password_changed_at        timestamptz,
    password_reset_required_at timestamptz,                           -- an operator requires a new password before the next sign-in
    mfa_email_enabled_at       timestamptz,                           -- codes by email are a second factor
    last_login_at              timestamptz,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    deleted_at                 timestamptz,                           -- soft delete: the row stays, its names become free

    CONSTRAINT user_email_has_one_at_and_no_space CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    CONSTRAINT user_email_has_at_most_254_characters CHECK (length(email) <= 254),
    -- Two spellings of one email address would be two accounts. The program normalizes more than this (NFKC, all of Unicode).
    CONSTRAINT user_email_is_lower_case CHECK (email = lower(email)),
    -- A username that equals another user's email address would be found at that user's sign-in.
    CONSTRAINT username_has_no_at_and_no_space CHECK (username ~ '^[^@\s]+$'),
    CONSTRAINT username_has_at_most_64_characters CHECK (length(username) <= 64),
    CONSTRAINT username_is_lower_case CHECK (username = lower(username)),
    CONSTRAINT user_roles_is_an_array_of_strings
        CHECK (jsonb_typeof(roles) = 'array' AND NOT jsonb_path_exists(roles, '$[*] ? (@.type() != "string")')),
    CONSTRAINT user_permissions_is_an_array_of_strings
        CHECK (jsonb_typeof(permissions) = 'array' AND NOT jsonb_path_exists(permissions, '$[*] ? (@.type() != "string")')),
    CONSTRAINT profile_is_an_object CHECK (jsonb_typeof(profile) = 'object'),
    CONSTRAINT token_version_is_positive CHECK (token_version > 0),
    CONSTRAINT failed_login_count_is_not_negative CHECK (failed_login_count >= 0),
    CONSTRAINT lockout_count_is_not_negative CHECK (lockout_count >= 0),
    -- The program has no value for infinity.
    CONSTRAINT locked_until_is_finite CHECK (isfinite(locked_until)),
    CONSTRAINT locked_by_is_failed_logins_or_operator CHECK (locked_by IN ('failed_logins', 'operator')),
    CONSTRAINT locked_until_and_by_come_together CHECK ((locked_until IS NULL) = (locked_by IS NULL))
) WITH (fillfactor = 85, autovacuum_analyze_scale_factor = 0.02);

-- The email address and username of a deleted account are free for others.
CREATE UNIQUE INDEX users_email_is_taken ON users (email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_is_taken ON users (username) WHERE deleted_at IS NULL;
-- A search reads usernames of accounts that it did not find by their address. Most usernames are how the address begins.
CREATE INDEX users_username_unlike_email ON users (username) WHERE deleted_at IS NULL AND NOT starts_with(email, username);
-- Lists of few among many: deleted accounts, by id and by name, and locked ones.
CREATE INDEX users_deleted ON users (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deleted_email ON users (email, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deleted_username_unlike_email ON users (username, id)
    WHERE deleted_at IS NOT NULL AND NOT starts_with(email, username);
CREATE INDEX users_locked ON users (id) WHERE locked_until IS NOT NULL;

-- users.roles by role, in the order in which accounts are listed: a page of those who have a role costs the page, whether
-- everybody has the role or nobody does. Written by the triggers below and by nothing else.
CREATE TABLE user_roles (
    role    text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,

    PRIMARY KEY (role, user_id)
);

-- A hash: in the order of a B-tree on user_id, a list of those who have a rare role would read everybody.
CREATE INDEX user_roles_user_id ON user_roles USING hash (user_id);

CREATE FUNCTION user_roles_insert() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO user_roles (role, user_id)
    SELECT DISTINCT role, added.id
    FROM added, jsonb_array_elements_text(added.roles) AS role;
    RETURN NULL;
END
$$;

CREATE FUNCTION user_roles_replace() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM user_roles
    WHERE user_id = NEW.id
      AND NOT NEW.roles ? role;
    INSERT INTO user_roles (role, user_id)
    SELECT DISTINCT role, NEW.id
    FROM jsonb_array_elements_text(NEW.roles) AS role
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- Once per statement: an import adds accounts by the thousand.
CREATE TRIGGER users_insert_roles
    AFTER INSERT ON users
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION user_roles_insert();

-- Only for a statement that sets roles: no login pays for it.
CREATE TRIGGER users_replace_roles
    AFTER UPDATE OF roles ON users
    FOR EACH ROW WHEN (OLD.roles <> NEW.roles) EXECUTE FUNCTION user_roles_replace();

-- One sign-in on one device, until it ends. A refresh updates one row in place (HOT), so that no index may hold a column
-- which a refresh changes, in its predicate neither: generation, refreshed_at, device_name, user_agent, address.
-- Ended sessions stay until cleanup removes them.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),   -- the claim sid
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_id    uuid        NOT NULL,                                -- from the device token; a new one for a new device
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,                                -- the limit of the session as a whole
    refreshed_at timestamptz NOT NULL DEFAULT now(),                  -- the last login or refresh
    auth_time    timestamptz NOT NULL,                                -- the last time the user authenticated, for step-up
    ended_at     timestamptz,
    generation   integer     NOT NULL DEFAULT 1,                      -- of the live refresh token: it counts the refreshes
    amr          text[]      NOT NULL DEFAULT '{}',                   -- how the user authenticated: RFC 8176
    device_name  text,
    user_agent   text,                                                -- as last seen, as is the address
    address      inet,
    end_reason   text,

    CONSTRAINT session_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT session_generation_is_positive CHECK (generation > 0),
    CONSTRAINT amr_holds_no_null CHECK (array_position(amr, NULL) IS NULL),
    CONSTRAINT ended_at_and_reason_come_together CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX sessions_open ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- The live refresh token of a session and the one that it replaced. A refresh deletes what is older: a genuine token with
-- an older generation was used before, which is known without a row. The end of a session deletes them all.
-- sessions.generation tells which of them is live: a session never has two valid tokens, however refreshes, lost
-- responses and replays interleave.
CREATE TABLE refresh_tokens (
    session_id    uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    generation    integer     NOT NULL,
    -- The generation that was exchanged for this token; null for a sign-in. One less than this generation, or two less
    -- if the response with the token in between was lost.
    replaces      integer,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    token_hash    bytea       NOT NULL,                               -- SHA-256 of the token; the token itself is not stored
    -- The response with this token, for a retry with its predecessor within the grace period: encrypted with a key that is
    -- derived from the predecessor. Null after the grace period.
    response_sealed bytea,

    PRIMARY KEY (session_id, generation),
    CONSTRAINT refresh_token_generation_is_positive CHECK (generation > 0),
    CONSTRAINT refresh_token_replaces_an_older_one CHECK (replaces > 0 AND replaces < generation),
    CONSTRAINT refresh_token_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT refresh_token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);

-- Sessions that are not refreshed end when their token expires.
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

-- Where an account was signed in from: its owner is notified by email of a sign-in from somewhere else.
CREATE TABLE devices (
    user_id       uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    fingerprint   bytea       NOT NULL,                               -- SHA-256 of the network and the user agent
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),                 -- to the day: cleanup needs no more

    PRIMARY KEY (user_id, fingerprint),
    CONSTRAINT fingerprint_is_a_sha256 CHECK (octet_length(fingerprint) = 32),
    CONSTRAINT last_seen_is_not_before_first_seen CHECK (last_seen_at >= first_seen_at)
);

CREATE INDEX devices_last_seen_at ON devices (last_seen_at);

-- The outbox of revocations: a row is written in the transaction of the change, and every issuer publishes it.
CREATE TABLE revocations (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text        NOT NULL,
    subject       text        NOT NULL,                               -- a jti, a sid, a user's id or a kid
    token_version integer,                                            -- of a user: tokens with an older one are refused
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,                               -- when the last token that it refuses has expired
    -- Ids are assigned before a transaction commits: the oldest transaction still running tells what is complete.
    xact          xid8        NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT revocation_kind_is_known CHECK (kind IN ('token', 'session', 'user', 'key')),
    CONSTRAINT a_revoked_user_has_a_token_version CHECK ((kind = 'user') = (token_version IS NOT NULL)),
    CONSTRAINT revocation_expires_after_created CHECK (expires_at > created_at)
);

CREATE INDEX revocations_xact ON revocations (xact, id);
CREATE INDEX revocations_expires_at ON revocations (expires_at);

CREATE TABLE password_reset_tokens (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea       NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address    inet,                                                  -- the client IP of the request
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,

    CONSTRAINT reset_token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT reset_token_expires_after_created CHECK (expires_at > created_at)
);

CREATE UNIQUE INDEX password_reset_tokens_token_hash_is_taken ON password_reset_tokens (token_hash);
CREATE INDEX password_reset_tokens_user_id ON password_reset_tokens (user_id);
CREATE INDEX password_reset_tokens_expires_at ON password_reset_tokens (expires_at);

-- One authenticator app per account. Sign-ins do not require it until it is confirmed.
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

-- Queued email. A row is deleted when the message was accepted, or kept with failed_at if it cannot be delivered.
CREATE TABLE mail_queue (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    message          text        NOT NULL,                             -- the name of the template
    user_id         uuid        REFERENCES users (id) ON DELETE CASCADE,
    payload_sealed  bytea       NOT NULL,                             -- recipient and data, AES-256-GCM under auth.secret: they hold codes and links
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,                             -- a code that has expired is not worth sending
    attempts        integer     NOT NULL DEFAULT 0,
    last_error      text,
    failed_at       timestamptz,

    CONSTRAINT mail_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT attempts_is_not_negative CHECK (attempts >= 0)
    -- Nearly every row is dead within seconds: a queue that is vacuumed at a fifth of its size is read through its dead rows.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 1000);

CREATE INDEX mail_queue_next_attempt_at ON mail_queue (next_attempt_at) WHERE failed_at IS NULL;
CREATE INDEX mail_queue_user_id ON mail_queue (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mail_queue_failed_at ON mail_queue (failed_at) WHERE failed_at IS NOT NULL;

CREATE TABLE invitations (
    id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash  bytea       NOT NULL,                                 -- SHA-256 of the token in the emailed link
    email       text        COLLATE "C" NOT NULL,                     -- of the one account that may be registered with it
    roles       jsonb       NOT NULL DEFAULT '[]',                    -- of that account
    invited_by  uuid,                                                 -- no foreign key: an invitation outlives the account of the operator
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz,

    CONSTRAINT invitation_token_hash_is_a_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT invitation_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT invitation_email_has_one_at_and_no_space CHECK (email ~ '^[^@\s]+@[^@\s]+$'),
    CONSTRAINT invitation_email_is_lower_case CHECK (email = lower(email)),
    CONSTRAINT invitation_roles_is_an_array_of_strings
        CHECK (jsonb_typeof(roles) = 'array' AND NOT jsonb_path_exists(roles, '$[*] ? (@.type() != "string")'))
);

CREATE UNIQUE INDEX invitations_token_hash_is_taken ON invitations (token_hash);
-- A newer invitation revokes the one before, also an expired one.
CREATE UNIQUE INDEX invitations_email_has_one_open ON invitations (email) WHERE used_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_expires_at ON invitations (expires_at);

-- The names of the events: the list of the program's audit::Event; a test compares the two. A table, and not a CHECK:
-- a new event is an INSERT, where a changed CHECK reads all of audit_logs under an exclusive lock.
CREATE TABLE audit_events (
    name text PRIMARY KEY
);

INSERT INTO audit_events (name)
VALUES
    ('user_registered'), ('user_created'), ('user_deleted'), ('user_restored'), ('user_locked'), ('user_unlocked'),
    ('user_invited'), ('invitation_revoked'), ('user_imported'),
    ('login_succeeded'), ('login_failed'), ('account_locked'), ('new_device_seen'),
    ('token_refreshed'), ('refresh_reused'), ('refresh_response_lost'), ('token_revoked'),
    ('logged_out'), ('session_revoked'), ('sessions_revoked'),
    ('password_changed'), ('password_set'), ('password_rehashed'), ('password_reset_requested'), ('password_reset'),
    ('password_reset_required'),
    ('email_verification_requested'), ('email_verified'), ('email_verification_failed'),
    ('email_change_requested'), ('email_changed'),
    ('profile_changed'), ('roles_changed'), ('permissions_changed'),
    ('mfa_enrolled'), ('mfa_confirmed'), ('mfa_removed'), ('mfa_succeeded'), ('mfa_failed'), ('mfa_email_enabled'),
    ('mfa_email_disabled'),
    ('recovery_codes_created'), ('recovery_code_used'),
    ('signing_key_created'), ('signing_key_rotated'), ('signing_key_retired'), ('secrets_resealed'),
    ('client_refused'), ('mail_failed'), ('config_reloaded');

-- Written in the transaction of what it records. No foreign keys to accounts and sessions: an entry outlives them.
-- The time leads the primary key, so that the table can be partitioned by month without being rebuilt.
CREATE TABLE audit_logs (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    at         timestamptz NOT NULL DEFAULT now(),
    event      text        NOT NULL REFERENCES audit_events (name),
    outcome    text        NOT NULL DEFAULT 'success',
    actor_id   uuid,                                                  -- the account that did it; null: not signed in, or the system
    user_id    uuid,                                                  -- the account that it was done to
    session_id uuid,
    address    inet,
    user_agent text,
    request_id text,
    data       jsonb       NOT NULL DEFAULT '{}',

    PRIMARY KEY (at, id),
    CONSTRAINT outcome_is_success_or_failure CHECK (outcome IN ('success', 'failure')),
    CONSTRAINT data_is_an_object CHECK (jsonb_typeof(data) = 'object')
) WITH (autovacuum_analyze_scale_factor = 0.02);

-- One for each filter of the API, and no other, each in the order of the pages: without the id, a plan for any parameters
-- sorts all that one account did, or reads the whole log for a rare event.
CREATE INDEX audit_logs_user_id ON audit_logs (user_id, at, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_logs_actor_id ON audit_logs (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_logs_session_id ON audit_logs (session_id, at, id) WHERE session_id IS NOT NULL;
CREATE INDEX audit_logs_address ON audit_logs (address, at, id) WHERE address IS NOT NULL;
CREATE INDEX audit_logs_event ON audit_logs (event, at, id);

-- Keys that sign access tokens: next (published, signs nothing yet), active (signs), retired (only verifies).
CREATE TABLE signing_keys (
    kid            text        PRIMARY KEY,
    algorithm      text        NOT NULL,
    state          text        NOT NULL,
    private_sealed bytea       NOT NULL,                              -- AES-256-GCM under auth.secret
    public_jwk     jsonb       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    activated_at   timestamptz,
    retired_at     timestamptz,
    expires_at     timestamptz,                                       -- when the last token that it signed has expired

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
