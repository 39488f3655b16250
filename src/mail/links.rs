//! The links in messages.

/// `auth.mail.links`: the pages that emailed links lead to. They never contain anything from a request: a forged `Host`
/// would send the token to the attacker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The page for setting a new password.
    pub reset: Link,
    /// The page for accepting an invitation.
    pub invitation: Link,
}

/// A URL with a placeholder for its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(pub String);

impl Link {
    /// The placeholder.
    pub const PLACE: &str = "{token}";

    /// The link with a token, which consists of characters that need no escape; others are left out.
    pub fn with(&self, token: &str) -> String {
        let legal = |c: &char| c.is_ascii_alphanumeric() || "-_.~".contains(*c);
        let token: String = token.chars().filter(legal).collect();
        self.0.replacen(Self::PLACE, &token, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_of_the_token_is_replaced() {
        let link = Link("https://a.test/{x}?token={token}".into());
        assert_eq!(link.with("aB-_9"), "https://a.test/{x}?token=aB-_9");
        assert_eq!(
            link.with("{token}&next=//evil\r\n"),
            "https://a.test/{x}?token=tokennextevil"
        );
    }
}
