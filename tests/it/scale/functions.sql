-- Ids in the order of creation, as the program makes them: row n of a kind of rows has a known one. 1: users, 2: sessions,
-- 3: audit entries, 4: recovery codes, 5: reset tokens, 6: invitations, 7: messages.
CREATE FUNCTION scale_id(kind int, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('0190000' || kind || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;

-- The user of row n: neighbouring rows belong to different users.
CREATE FUNCTION scale_user(n bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1 + n * 48271 % :users;

CREATE FUNCTION scale_address(n bigint) RETURNS inet
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '10.0.0.0'::inet + n * 48271 % 5000000;

-- Many ids of a kind, from row n on.
CREATE FUNCTION scale_ids(kind int, n bigint, step bigint, many bigint) RETURNS uuid[]
    LANGUAGE sql
    RETURN ARRAY(SELECT scale_id(kind, n + step * i) FROM generate_series(0, many - 1) AS i);

CREATE FUNCTION scale_names(suffix text, n bigint, many bigint) RETURNS text[]
    LANGUAGE sql
    RETURN ARRAY(SELECT 'user' || n + i || suffix FROM generate_series(0, many - 1) AS i);

-- What `sidegate user import` sends at once.
CREATE FUNCTION scale_import(many bigint) RETURNS jsonb
    LANGUAGE sql
    RETURN (
        SELECT jsonb_agg(jsonb_build_object(
                   'id', gen_random_uuid(), 'email', 'imported' || i || '@example.com', 'username', 'imported' || i,
                   'password_hash', '$2b$12$' || repeat('x', 53), 'roles', '["member"]'::jsonb, 'permissions', '[]'::jsonb,
                   'profile', '{}'::jsonb, 'created_at', now()))
        FROM generate_series(1, many) AS i
    );
