-- user_import :many
-- Imports accounts from another system, all with one statement. Accounts whose id, email address or username is taken, also by
-- an earlier one of the same call, are left out.
--   $1  accounts  jsonb        array of objects with the columns named below
--   $2  now       timestamptz  the caller's clock, never now()
--   ->  id        uuid
-- budget: 20000 buffers, 500 ms

INSERT INTO users (id, email, username, password_hash, roles, permissions, profile, email_verified_at, password_changed_at,
                   created_at, updated_at)
SELECT account.id, account.email, account.username, account.password_hash, account.roles, account.permissions, account.profile,
       account.email_verified_at, CASE WHEN account.password_hash IS NULL THEN NULL ELSE account.created_at END,
       account.created_at, $2
FROM jsonb_to_recordset($1) AS account (
    id uuid, email text, username text, password_hash text, roles jsonb, permissions jsonb, profile jsonb,
    email_verified_at timestamptz, created_at timestamptz
)
ON CONFLICT DO NOTHING
RETURNING id
