//! The origin of a request, for the audit log.

use std::net::IpAddr;

use crate::visible::is_misleading;

/// The longest stored user agent, in characters.
const USER_AGENT_MAX: usize = 256;

/// The origin of a request. At the command line all of it is unknown.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client IP.
    pub address: Option<IpAddr>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The request id, as in the access log.
    pub request_id: Option<String>,
}

impl Origin {
    /// The stored user agent: shortened, and without control and invisible characters, which PostgreSQL (NUL) refuses and
    /// terminals interpret.
    pub fn user_agent(&self) -> Option<String> {
        let kept = |text: &String| {
            text.chars()
                .filter(|c| !is_misleading(*c))
                .take(USER_AGENT_MAX)
                .collect::<String>()
        };
        self.user_agent.as_ref().map(kept).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_kept_short_and_printable() {
        let kept = |text: &str| {
            Origin {
                user_agent: Some(text.to_owned()),
                ..Origin::default()
            }
            .user_agent()
        };
        assert_eq!(kept("curl/8\u{0}\u{1b}[31m"), Some("curl/8[31m".into()));
        assert_eq!(kept("\r\n"), None);
        assert_eq!(kept(&"x".repeat(1000)).map(|text| text.len()), Some(USER_AGENT_MAX));
    }
}
