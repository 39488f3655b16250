//! Where an action came from, for the audit log.

use std::net::IpAddr;

/// What a client calls itself may be as long as a header; a row keeps this much of it, in characters.
const USER_AGENT_MAX: usize = 256;

/// Where an action came from. On the command line all of it is unknown.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The request's id, as it stands in the access log.
    pub request_id: Option<String>,
}

impl Origin {
    /// The user agent as a row keeps it: cut, and without the control characters that PostgreSQL (NUL) or a terminal
    /// (the rest) would trip over.
    pub fn user_agent(&self) -> Option<String> {
        let kept = |text: &String| {
            text.chars()
                .filter(|c| !c.is_control())
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
