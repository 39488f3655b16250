//! The links in messages.

/// `auth.mail.links`: the pages that emailed links lead to. Never made of anything that a request said: a forged `Host` would send the token to its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// Where a new password is typed.
    pub reset: Link,
    /// Where an invitation is accepted.
    pub invitation: Link,
}

/// A URL with the place of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(pub String);

impl Link {
    /// What stands for the token.
    pub const PLACE: &str = "{token}";

    /// The link for one token, which is made of characters that need no escape; any other would be left out.
    pub fn with(&self, token: &str) -> String {
        let legal = |c: &char| c.is_ascii_alphanumeric() || "-_.~".contains(*c);
        let token: String = token.chars().filter(legal).collect();
        self.0.replacen(Self::PLACE, &token, 1)
    }
}
