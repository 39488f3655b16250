-- Everything but the audit log, in one transaction: with wal_level = minimal a table that is truncated in it is not logged.
SET session_replication_role = replica;     -- neither triggers nor foreign keys
SET maintenance_work_mem = '512MB';

TRUNCATE users, user_roles, sessions, refresh_tokens, devices, totp_factors, recovery_codes, password_reset_tokens, invitations,
         mail_queue, revocations, signing_keys;

-- Indexes are created again over the full tables, which takes a fraction of the time.
CREATE TEMP TABLE dropped ON COMMIT DROP AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index
WHERE indrelid IN ('users'::regclass, 'user_roles'::regclass, 'sessions'::regclass, 'refresh_tokens'::regclass, 'devices'::regclass,
                   'recovery_codes'::regclass)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid);

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT dropped.name FROM dropped LOOP
        EXECUTE 'DROP INDEX ' || name;
    END LOOP;
END
$$;

-- One in fifty is deleted, one in a thousand locked, one in a hundred has a second role, one in ten thousand a rare one.
INSERT INTO users (id, email, username, password_hash, roles, profile, email_verified_at, locked_until, locked_by,
                   password_changed_at, last_login_at, created_at, updated_at, deleted_at)
SELECT scale_id(1, n), 'user' || n || '@example.com', 'user' || n, '$2b$12$' || repeat('x', 53),
       CASE WHEN n % 10000 = 11 THEN '["member", "admin"]' WHEN n % 100 = 7 THEN '["member", "staff"]' ELSE '["member"]' END::jsonb,
       jsonb_build_object('name', 'User ' || n), now(),
       CASE WHEN n % 1000 = 3 THEN now() + interval '1 hour' END, CASE WHEN n % 1000 = 3 THEN 'failed_logins' END,
       now(), now(), now() - interval '1 second' * (:users - n), now(),
       CASE WHEN n % 50 = 9 THEN now() END
FROM generate_series(1, :users) AS n;

INSERT INTO user_roles (role, user_id)
SELECT role, id
FROM users, jsonb_array_elements_text(roles) AS role
ORDER BY role, id;

-- Over sixty days; live ones (3 of 23) lie between ended ones, as they do where some sessions last and others do not.
INSERT INTO sessions (id, user_id, device_id, created_at, expires_at, refreshed_at, auth_time, ended_at, generation, amr,
                      device_name, user_agent, address, end_reason)
SELECT scale_id(2, n), scale_id(1, scale_user(n)), scale_id(8, n), created_at, created_at + interval '90 days',
       now() - interval '1 second' * (n % 86400), created_at,
       CASE WHEN n % 23 >= 3 THEN created_at + interval '1 minute' * (n % 1000) END,
       2 + n % 50, '{pwd}', 'Firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', scale_address(n),
       CASE WHEN n % 23 >= 3 THEN 'logout' END
FROM generate_series(1, :sessions) AS n,
     LATERAL (SELECT now() - interval '61 days' + interval '60 days' * (n::float8 / :sessions) AS created_at) AS at;

-- The live token and the one before it; one in a hundred still has the answer for a retry.
INSERT INTO refresh_tokens (session_id, generation, replaces, created_at, expires_at, used_at, token_hash, response_sealed)
SELECT session.id, token.generation, nullif(token.generation - 1, 0), session.refreshed_at, session.refreshed_at + interval '30 days',
       CASE WHEN token.generation < session.generation THEN session.refreshed_at END,
       sha256((session.id || ':' || token.generation)::bytea),
       CASE WHEN token.generation = session.generation AND row_number() OVER () % 100 = 0 THEN decode(repeat('5a', 1000), 'hex') END
FROM sessions AS session, generate_series(session.generation - 1, session.generation) AS token (generation)
WHERE session.ended_at IS NULL;

INSERT INTO devices (user_id, fingerprint, first_seen_at, last_seen_at)
SELECT scale_id(1, n), sha256((n || ':' || device)::bytea), now() - interval '400 days', now() - interval '1 day' * (n % 390)
FROM generate_series(1, :users) AS n, generate_series(1, 2) AS device;

INSERT INTO totp_factors (user_id, secret_sealed, confirmed_at, last_step, last_used_at)
SELECT scale_id(1, n), decode(repeat('00', 53), 'hex'), CASE WHEN n % 1000 <> 20 THEN now() END, 1, now()
FROM generate_series(10, :users, 10) AS n;

INSERT INTO recovery_codes (id, user_id, digest_sealed)
SELECT scale_id(4, n * 10 + code), scale_id(1, n), decode(repeat('00', 65), 'hex')
FROM generate_series(10, :users, 10) AS n, generate_series(0, 9) AS code;

INSERT INTO password_reset_tokens (id, token_hash, user_id, created_at, expires_at, used_at)
SELECT scale_id(5, n), sha256(n::text::bytea), scale_id(1, n), at - interval '30 minutes', at, CASE WHEN n % 1000 = 500 THEN now() END
FROM generate_series(100, :users, 100) AS n,
     LATERAL (SELECT now() + interval '30 minutes' - interval '1 day' * (n / 100 % 60) AS at) AS expiry;

INSERT INTO invitations (id, token_hash, email, created_at, expires_at, used_at)
SELECT scale_id(6, n), sha256(n::text::bytea), 'invited' || n || '@example.com', now() - interval '30 days',
       now() + interval '7 days' - interval '1 day' * (n % 30), CASE WHEN n % 10 = 2 THEN now() END
FROM generate_series(1, :users / 100) AS n;

INSERT INTO mail_queue (id, message, user_id, payload_sealed, created_at, next_attempt_at, expires_at, attempts, failed_at)
SELECT scale_id(7, n), 'new_device', scale_id(1, n), CASE WHEN n % 2 = 0 THEN '' ELSE decode(repeat('00', 300), 'hex') END,
       now() - interval '40 days', now() - interval '1 minute', now() + interval '3 days', 1,
       CASE WHEN n % 2 = 0 THEN now() - interval '1 day' * (n % 40) END
FROM generate_series(1, :users / 500) AS n;

INSERT INTO revocations (kind, subject, created_at, expires_at)
SELECT 'session', scale_id(2, n)::text, now() - interval '11 minutes', now() + interval '1 second' * (n % 1000 - 500)
FROM generate_series(1, :users / 50) AS n;

INSERT INTO signing_keys (kid, algorithm, state, private_sealed, public_jwk, activated_at, retired_at, expires_at)
VALUES ('next', 'ES256', 'next', '\x00', '{}', NULL, NULL, NULL),
       ('retired', 'ES256', 'retired', '\x00', '{}', now(), now(), now() - interval '1 hour');

DO $$
DECLARE
    definition text;
BEGIN
    FOR definition IN SELECT dropped.definition FROM dropped LOOP
        EXECUTE definition;
    END LOOP;
END
$$;

SET session_replication_role = origin;
