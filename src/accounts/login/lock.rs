//! Whose lock it is. A lock that wrong passwords set keeps a stranger from guessing, and gives way to a device that is known;
//! one that an operator set gives way to nothing.

use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::settings::Lockout;
use crate::store::users::User;

/// PostgreSQL keeps microseconds, and its intervals are computed in floating point.
const ROUNDING: Duration = Duration::from_millis(1);

/// Whether the account is locked for somebody on a device that is, or is not, known.
pub(crate) fn keeps_out(user: &User, known_device: bool, lockout: &Lockout, now: OffsetDateTime) -> bool {
    user.is_locked(now) && !(known_device && by_failures(user, lockout))
}

/// Whether `locked_until` is what `user_record_failed_login.sql` computes from the last failure. While an account is
/// locked, failures change nothing, so that the two belong together for as long as the lock holds. After a change of the
/// settings an old lock is taken for an operator's, which is the safe mistake.
fn by_failures(user: &User, lockout: &Lockout) -> bool {
    let (Some(until), Some(failed_at)) = (user.locked_until, user.last_failed_login_at) else {
        return false;
    };
    if user.lockout_count < 1 {
        return false;
    }
    let doubled = lockout.duration.as_secs_f64() * f64::powi(2.0, (user.lockout_count - 1).min(30));
    let length = doubled.min(lockout.max.as_secs_f64());
    ((until - failed_at).as_seconds_f64() - length).abs() < ROUNDING.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 20:00 UTC);

    fn user(lockout_count: i32, failed_at: Option<OffsetDateTime>, locked_until: Option<OffsetDateTime>) -> User {
        User {
            id: Uuid::nil(),
            email: "alice@example.com".into(),
            username: None,
            password_hash: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            profile: serde_json::Map::new(),
            email_verified_at: None,
            failed_login_count: 0,
            last_failed_login_at: failed_at,
            lockout_count,
            locked_until,
            password_changed_at: None,
            tokens_valid_after: None,
            last_login_at: None,
            created_at: NOW,
            updated_at: NOW,
            deleted_at: None,
            password_reset_required_at: None,
            mfa_email_enabled_at: None,
        }
    }

    fn kept_out(user: &User) -> (bool, bool) {
        let lockout = Lockout::default();
        (
            keeps_out(user, false, &lockout, NOW),
            keeps_out(user, true, &lockout, NOW),
        )
    }

    #[test]
    fn a_lock_by_failures_gives_way_to_a_known_device_alone() {
        let minute = Duration::from_secs(60);
        let failed = NOW - minute;
        assert_eq!(
            kept_out(&user(1, Some(failed), Some(failed + 15 * minute))),
            (true, false)
        );
        assert_eq!(
            kept_out(&user(3, Some(failed), Some(failed + 60 * minute))),
            (true, false)
        );
        assert_eq!(
            kept_out(&user(20, Some(failed), Some(failed + 24 * 60 * minute))),
            (true, false),
            "the longest"
        );
    }

    #[test]
    fn an_operators_lock_gives_way_to_nothing() {
        let minute = Duration::from_secs(60);
        let failed = Some(NOW - minute);
        let until = Some(NOW + 14 * minute);
        let for_ever = Some(datetime!(9999-12-31 00:00 UTC));
        assert_eq!(kept_out(&user(0, None, until)), (true, true));
        assert_eq!(kept_out(&user(0, failed, until)), (true, true), "no lock in a row");
        assert_eq!(kept_out(&user(1, failed, for_ever)), (true, true));
        assert_eq!(kept_out(&user(1, failed, Some(NOW + 20 * minute))), (true, true));
    }

    #[test]
    fn a_lock_that_is_over_keeps_nobody_out() {
        assert_eq!(kept_out(&user(1, None, None)), (false, false));
        assert_eq!(kept_out(&user(1, None, Some(NOW))), (false, false));
    }
}
