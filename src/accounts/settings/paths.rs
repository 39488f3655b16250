//! The paths of the endpoints, which precede all routes: for the proxy, for routes that could never match, for
//! explanations.

/// Well-known documents (RFC 8615), outside the base path.
pub const WELL_KNOWN: [&str; 3] = [
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/change-password",
];

/// Whether a path belongs to the endpoints: everything under the base path, and [`WELL_KNOWN`].
pub fn is_own_path(base_path: &str, path: &str) -> bool {
    let under = path
        .strip_prefix(base_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    under || WELL_KNOWN.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_path_ends_at_a_slash_and_well_known_paths_are_exact() {
        for ours in ["/auth", "/auth/", "/auth/me", "/.well-known/jwks.json"] {
            assert!(is_own_path("/auth", ours), "{ours}");
        }
        for not in [
            "/authority",
            "/",
            "/.well-known/jwks.json/",
            "/.well-known/openid-configuration",
        ] {
            assert!(!is_own_path("/auth", not), "{not}");
        }
    }
}
