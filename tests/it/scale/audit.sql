-- The audit log over four hundred days, in one transaction: see accounts.sql.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';

TRUNCATE audit_logs;

CREATE TEMP TABLE dropped ON COMMIT DROP AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index
WHERE indrelid = 'audit_logs'::regclass
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

INSERT INTO audit_logs (id, at, event, outcome, actor_id, user_id, session_id, address, user_agent, request_id, data)
SELECT scale_id(3, n), now() - interval '400 days' * ((:audit_entries - n)::float8 / :audit_entries),
       CASE WHEN n % 20 = 1 THEN 'login_failed' WHEN n % 5000 = 3 THEN 'token_revoked' WHEN n % 4 = 2 THEN 'logged_out'
            ELSE 'login_succeeded' END,
       CASE WHEN n % 20 = 1 THEN 'failure' ELSE 'success' END,
       CASE WHEN n % 20 <> 1 THEN scale_id(1, scale_user(n)) END, scale_id(1, scale_user(n)),
       CASE WHEN n % 20 <> 1 THEN scale_id(2, 1 + n * 3 % :sessions) END,
       scale_address(n), 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'req-' || n,
       CASE WHEN n % 5000 = 3 THEN jsonb_build_object('token_id', 'jti-' || n) ELSE '{}' END
FROM generate_series(1, :audit_entries) AS n;

INSERT INTO audit_logs (at, event, data)
VALUES (now() - interval '100 days', 'secrets_resealed', '{"key_id": "9d1f60c2"}');

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
