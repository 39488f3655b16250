//! Whom a lock applies to. A lock by failed sign-ins does not apply to a known device; a lock by an operator applies to
//! all.

use time::OffsetDateTime;

use crate::store::users::{LockedBy, User};

/// Whether the account is locked for a device that is, or is not, known.
pub(crate) fn keeps_out(user: &User, known_device: bool, now: OffsetDateTime) -> bool {
    user.is_locked(now) && !(known_device && user.locked_by == Some(LockedBy::FailedLogins))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 20:00 UTC);

    /// Whether it applies to an unknown device, and to a known one.
    fn keeps_out_both(lock: Option<(LockedBy, OffsetDateTime)>) -> (bool, bool) {
        let user = User {
            id: Uuid::nil(),
            email: "alice@example.com".into(),
            username: None,
            password_hash: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            profile: serde_json::Map::new(),
            token_version: 1,
            email_verified_at: None,
            failed_login_count: 0,
            last_failed_login_at: None,
            lockout_count: 0,
            locked_until: lock.map(|(_, until)| until),
            locked_by: lock.map(|(by, _)| by),
            password_changed_at: None,
            last_login_at: None,
            created_at: NOW,
            updated_at: NOW,
            deleted_at: None,
            password_reset_required_at: None,
            mfa_email_enabled_at: None,
        };
        (keeps_out(&user, false, NOW), keeps_out(&user, true, NOW))
    }

    #[test]
    fn a_lock_by_failed_logins_gives_way_to_a_known_device_alone() {
        let until = NOW + Duration::from_secs(840);
        assert_eq!(keeps_out_both(Some((LockedBy::FailedLogins, until))), (true, false));
    }

    #[test]
    fn an_operators_lock_gives_way_to_nothing() {
        for until in [NOW + Duration::from_secs(840), datetime!(9999-12-31 00:00 UTC)] {
            assert_eq!(keeps_out_both(Some((LockedBy::Operator, until))), (true, true));
        }
    }

    #[test]
    fn an_expired_lock_does_not_apply() {
        assert_eq!(keeps_out_both(None), (false, false));
        for by in [LockedBy::FailedLogins, LockedBy::Operator] {
            assert_eq!(keeps_out_both(Some((by, NOW))), (false, false));
        }
    }
}
