-- user_record_failed_login :one?
-- Counts a failed sign-in and locks the account if the limit is reached, in one statement, so that concurrent attempts are all
-- counted. Each consecutive lock is twice as long as the one before, up to a limit. Failures of a locked account do not count:
-- otherwise anybody could lock the owner out forever.
--   $1  id                uuid
--   $2  now               timestamptz   the caller's clock, never now()
--   $3  attempts          int4          failures within the window that lock
--   $4  window_seconds    float8        a failure longer ago starts the count anew
--   $5  lock_seconds      float8        the first lock
--   $6  lock_max_seconds  float8        no lock is longer
--   ->  failures          int4
--   ->  locked_until      timestamptz?
--   ->  locked_now        bool
-- budget: 30 buffers

UPDATE users
SET failed_login_count   = CASE WHEN counted.failures >= $3::integer THEN 0 ELSE counted.failures END,
    last_failed_login_at = $2::timestamptz,
    lockout_count        = lockout_count + CASE WHEN counted.failures >= $3::integer THEN 1 ELSE 0 END,
    locked_until         = CASE WHEN counted.failures >= $3::integer
                                THEN $2::timestamptz + make_interval(secs => least($5::float8 * power(2, least(lockout_count, 30)), $6::float8))
                                ELSE locked_until END,
    locked_by            = CASE WHEN counted.failures >= $3::integer THEN 'failed_logins' ELSE locked_by END,
    updated_at           = now()
FROM (
    SELECT held.id AS held_id,
           CASE WHEN held.last_failed_login_at > $2::timestamptz - make_interval(secs => $4::float8)
                THEN held.failed_login_count + 1 ELSE 1 END AS failures
    FROM users AS held
    WHERE held.id = $1
      AND held.deleted_at IS NULL
      AND (held.locked_until IS NULL OR held.locked_until <= $2::timestamptz)
    FOR NO KEY UPDATE
) AS counted
WHERE id = counted.held_id
RETURNING counted.failures, locked_until, counted.failures >= $3::integer AS locked_now
