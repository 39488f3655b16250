//! The domains of email addresses that can register.

use crate::accounts::settings::Registration;

/// Whether email addresses of this domain can register.
pub(crate) fn may_register(email: &str, settings: &Registration) -> bool {
    let domain = email.rsplit('@').next().unwrap_or_default();
    let domains = &settings.domains;
    domains.is_empty() || domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
}
