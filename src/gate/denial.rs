//! Every reason to refuse a proxied request, in one enum.
//!
//! `code()` is the same in the response body, the metric label and the log field, so that an operator can search for
//! it. The client gets the code, the log gets the cause, and neither gets the token.

use std::{fmt::Write as _, time::Duration};

use http::StatusCode;

/// A reason to refuse a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The request is malformed or ambiguous, or exceeds a limit.
    Malformed(Malformed),
    /// No route matches. There is no default route.
    RouteNotFound,
    /// The route requires a token, and there is none.
    CredentialsMissing,
    /// The credential is malformed: another scheme, an empty token, bytes that no token contains.
    CredentialsMalformed,
    /// There are two credentials of one kind, and choosing one would be a guess.
    CredentialsAmbiguous,
    /// The browser sent the cookie with a cross-site request (request forgery).
    CrossSite,
    /// A CORS preflight from an origin that is not listed.
    OriginNotAllowed,
    /// The token was not verified.
    Token(TokenFault),
    /// The token, its session, or all tokens of its user were revoked.
    Revoked,
    /// Roles or permissions changed after the token was issued: the client should refresh.
    TokenOutdated,
    /// The key that signed the token was revoked, because it leaked.
    KeyRevoked,
    /// The in-memory view of revocations is too old and the route does not accept that.
    RevocationUnknown,
    /// A rate limit is exceeded.
    RateLimited(LimitState),
    /// Redis did not answer, and the limit has `on_store_error: deny`.
    LimitUnknown,
    /// The policy of the route denies this caller.
    PolicyDenied,
    /// The policy would allow this caller after a (recent) second factor (RFC 9470).
    StepUpRequired {
        /// The maximum age of the authentication, if the policy has one.
        max_age: Option<Duration>,
    },
    /// The route sends a signed assertion, and there is no key to sign it with (yet).
    AssertionUnavailable,
    /// The process has no file descriptor for a connection to the application.
    ConnectionsExhausted,
    /// The body is larger than the route allows.
    BodyTooLarge,
    /// The request was not received in time.
    RequestTimeout,
    /// No server of the upstream could be reached.
    UpstreamUnreachable,
    /// The upstream did not respond in time.
    UpstreamTimeout,
    /// All servers of the upstream fail their health checks.
    UpstreamUnhealthy,
    /// The upstream's response was incomplete or malformed.
    UpstreamBroken,
    /// A defect of Sidegate; the log has the cause.
    Internal,
}

/// Why a request is malformed. Each is a case in which two HTTP parsers can differ about the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The request target does not start with `/`.
    TargetNotAbsolute,
    /// A `.` or `..` segment, plain or encoded.
    DotSegment,
    /// A backslash, plain or encoded: some servers take it for `/`.
    Backslash,
    /// An encoded `/`: some servers decode it before they route.
    EncodedSlash,
    /// An encoded `%`: a second decoding would make a new path.
    EncodedPercent,
    /// `//`: some servers merge the slashes.
    DoubleSlash,
    /// `;`: some servers remove parameters from the segment.
    Semicolon,
    /// A control byte or NUL, plain or encoded, or a raw `#`.
    ControlByte,
    /// A `%` without two hexadecimal digits, or escapes that are not UTF-8.
    BadEscape,
    /// An escape of a character that needs none, where servers that compare raw paths would find another route.
    NeedlessEscape,
    /// No `Host`, or an ambiguous one.
    Host,
    /// `Content-Length` together with `Transfer-Encoding`, or repeated, or an encoding other than `chunked`; or chunks
    /// that do not follow RFC 9112 section 7.1.
    Framing,
    /// A header value of HTTP/2 that begins or ends with white space.
    Field,
    /// The header block is larger than the limit.
    HeaderTooLarge,
    /// More header fields than the limit.
    TooManyHeaders,
    /// A method that is not proxied (`CONNECT`, `TRACE`).
    Method,
}

/// Why a token was not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Over 8 KiB; refused unparsed.
    TooLarge,
    /// Not three base64url parts with JSON objects, or a header with a member that is not supported (`crit`, `b64`,
    /// `jku` …).
    Malformed,
    /// An issuer that is not configured.
    WrongIssuer,
    /// No published key has this `kid`.
    UnknownKey,
    /// No key of its issuer is known: they were never fetched, or are too old.
    KeysUnavailable,
    /// The token names another algorithm than its key has.
    WrongAlgorithm,
    /// The signature is wrong.
    BadSignature,
    /// A required claim is missing or has the wrong type.
    BadClaims,
    /// It is bound to a key or certificate of its holder (`cnf`), and no proof of that is verified here.
    BoundToKey,
    /// Another kind of token (`typ`).
    WrongType,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// None of the audiences is ours.
    WrongAudience,
}

/// The state of a rate limit for a caller, for the headers `RateLimit` and `Retry-After`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// The limit's name in the configuration.
    pub policy: std::sync::Arc<str>,
    /// The number of requests per window.
    pub limit: u32,
    /// The length of the window.
    pub window: Duration,
    /// The number of requests left.
    pub remaining: u32,
    /// The time until a request is allowed again.
    pub reset: Duration,
}

impl Denial {
    /// The stable code, as in the body, the metric and the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(what) => what.code(),
            Self::RouteNotFound => "route_not_found",
            Self::CredentialsMissing => "credentials_missing",
            Self::CredentialsMalformed => "credentials_malformed",
            Self::CredentialsAmbiguous => "credentials_ambiguous",
            Self::CrossSite => "cross_site",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::Token(fault) => fault.code(),
            Self::Revoked => "revoked",
            Self::TokenOutdated => "token_outdated",
            Self::KeyRevoked => "key_revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::RateLimited(_) => "rate_limited",
            Self::LimitUnknown => "limit_unknown",
            Self::PolicyDenied => "policy_denied",
            Self::StepUpRequired { .. } => "step_up_required",
            Self::AssertionUnavailable => "assertion_unavailable",
            Self::ConnectionsExhausted => "connections_exhausted",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamUnhealthy => "upstream_unhealthy",
            Self::UpstreamBroken => "upstream_broken",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(Malformed::HeaderTooLarge | Malformed::TooManyHeaders) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Malformed(Malformed::Method) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) | Self::CredentialsAmbiguous => StatusCode::BAD_REQUEST,
            // The token may be valid: with a 401 every client would discard its session.
            Self::Token(TokenFault::KeysUnavailable)
            | Self::RevocationUnknown
            | Self::LimitUnknown
            | Self::AssertionUnavailable
            | Self::ConnectionsExhausted
            | Self::UpstreamUnhealthy => StatusCode::SERVICE_UNAVAILABLE,
            Self::RouteNotFound => StatusCode::NOT_FOUND,
            Self::CredentialsMissing
            | Self::CredentialsMalformed
            | Self::Token(_)
            | Self::Revoked
            | Self::TokenOutdated
            | Self::KeyRevoked
            | Self::StepUpRequired { .. } => StatusCode::UNAUTHORIZED,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::PolicyDenied | Self::CrossSite | Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UpstreamUnreachable | Self::UpstreamBroken => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One sentence for users. It never contains anything the client sent.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Malformed(what) => what.title(),
            Self::RouteNotFound => "No route matches this host and path.",
            Self::CredentialsMissing => "This route requires an access token.",
            Self::CredentialsMalformed => "The Authorization header is not a valid bearer token.",
            Self::CredentialsAmbiguous => "The request has more than one credential.",
            Self::CrossSite => "The session cookie is not accepted for a cross-site request.",
            Self::OriginNotAllowed => "Pages of this origin may not make this request.",
            Self::Token(fault) => fault.title(),
            Self::Revoked => "The session has ended; sign in again.",
            Self::TokenOutdated => "The account's permissions changed; refresh the access token.",
            Self::KeyRevoked => "The key that signed the access token was revoked; refresh the access token.",
            Self::RevocationUnknown => "Whether the access token was revoked cannot be checked right now; try again.",
            Self::RateLimited(_) => "Too many requests.",
            Self::LimitUnknown => "The rate limit cannot be checked right now; try again.",
            Self::PolicyDenied => "You do not have permission for this request.",
            Self::StepUpRequired { .. } => "This requires a recent second factor.",
            Self::AssertionUnavailable => "The identity assertion cannot be signed right now; try again.",
            Self::ConnectionsExhausted => "Too many requests are in progress; try again in a moment.",
            Self::BodyTooLarge => "The request body is larger than this route accepts.",
            Self::RequestTimeout => "The request was not received in time.",
            Self::UpstreamUnreachable => "The application cannot be reached.",
            Self::UpstreamTimeout => "The application did not respond in time.",
            Self::UpstreamUnhealthy => "No server of the application is healthy.",
            Self::UpstreamBroken => "The application's response was incomplete or malformed.",
            Self::Internal => "An internal error occurred.",
        }
    }

    /// The challenge for `WWW-Authenticate`, if the response needs one (RFC 6750 section 3, RFC 9470 section 3).
    /// Without a credential it has no error attribute (RFC 6750 section 3.1).
    pub fn challenge(&self) -> Option<String> {
        let error = match self {
            Self::CredentialsMissing => return Some(r#"Bearer realm="sidegate""#.to_owned()),
            Self::CredentialsMalformed | Self::CredentialsAmbiguous => "invalid_request",
            Self::Token(TokenFault::KeysUnavailable) => return None,
            Self::Token(_) | Self::Revoked | Self::TokenOutdated | Self::KeyRevoked => "invalid_token",
            Self::PolicyDenied => "insufficient_scope",
            Self::StepUpRequired { max_age } => {
                let mut challenge =
                    r#"Bearer realm="sidegate", error="insufficient_user_authentication", acr_values="mfa""#.to_owned();
                if let Some(age) = max_age {
                    write!(challenge, ", max_age={}", age.as_secs()).expect("a String takes any text");
                }
                return Some(challenge);
            }
            _ => return None,
        };
        Some(format!(
            r#"Bearer realm="sidegate", error="{error}", error_description="{}""#,
            self.code()
        ))
    }

    /// The `Retry-After`, if a retry can succeed.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(state) => Some(state.reset),
            Self::RevocationUnknown
            | Self::LimitUnknown
            | Self::AssertionUnavailable
            | Self::ConnectionsExhausted
            | Self::UpstreamUnhealthy => Some(Duration::from_secs(1)),
            Self::Token(TokenFault::KeysUnavailable) => Some(Duration::from_secs(5)),
            _ => None,
        }
    }

    /// The `result` label of `sidegate_auth_decisions_total`.
    pub fn result(&self) -> &'static str {
        result(self.status().as_u16())
    }

    /// One value of each variant, for tests, documentation and pre-created metrics.
    pub fn all() -> Vec<Self> {
        let state = LimitState {
            policy: "per-user".into(),
            limit: 10,
            window: Duration::from_secs(60),
            remaining: 0,
            reset: Duration::from_secs(7),
        };
        let mut all: Vec<Self> = Malformed::ALL.into_iter().map(Self::Malformed).collect();
        all.extend(TokenFault::ALL.into_iter().map(Self::Token));
        all.extend([
            Self::RouteNotFound,
            Self::CredentialsMissing,
            Self::CredentialsMalformed,
            Self::CredentialsAmbiguous,
            Self::CrossSite,
            Self::OriginNotAllowed,
            Self::Revoked,
            Self::TokenOutdated,
            Self::KeyRevoked,
            Self::RevocationUnknown,
            Self::RateLimited(state),
            Self::LimitUnknown,
            Self::PolicyDenied,
            Self::StepUpRequired {
                max_age: Some(Duration::from_secs(900)),
            },
            Self::AssertionUnavailable,
            Self::ConnectionsExhausted,
            Self::BodyTooLarge,
            Self::RequestTimeout,
            Self::UpstreamUnreachable,
            Self::UpstreamTimeout,
            Self::UpstreamUnhealthy,
            Self::UpstreamBroken,
            Self::Internal,
        ]);
        all
    }
}

/// What a refusal with a status is, in the words of the metric and the log.
pub fn result(status: u16) -> &'static str {
    match status {
        401 => "challenge",
        500.. => "error",
        _ => "deny",
    }
}

impl Malformed {
    /// Every variant.
    pub const ALL: [Self; 16] = [
        Self::TargetNotAbsolute,
        Self::DotSegment,
        Self::Backslash,
        Self::EncodedSlash,
        Self::EncodedPercent,
        Self::DoubleSlash,
        Self::Semicolon,
        Self::ControlByte,
        Self::BadEscape,
        Self::NeedlessEscape,
        Self::Host,
        Self::Framing,
        Self::Field,
        Self::HeaderTooLarge,
        Self::TooManyHeaders,
        Self::Method,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::TargetNotAbsolute => "target_not_absolute",
            Self::DotSegment => "path_dot_segment",
            Self::Backslash => "path_backslash",
            Self::EncodedSlash => "path_encoded_slash",
            Self::EncodedPercent => "path_encoded_percent",
            Self::DoubleSlash => "path_double_slash",
            Self::Semicolon => "path_semicolon",
            Self::ControlByte => "path_control_byte",
            Self::BadEscape => "path_bad_escape",
            Self::NeedlessEscape => "path_needless_escape",
            Self::Host => "host_invalid",
            Self::Framing => "framing_invalid",
            Self::Field => "header_invalid",
            Self::HeaderTooLarge => "header_too_large",
            Self::TooManyHeaders => "too_many_headers",
            Self::Method => "method_not_allowed",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::TargetNotAbsolute => "The request target must begin with a slash.",
            Self::DotSegment => "The path contains a dot segment.",
            Self::Backslash => "The path contains a backslash.",
            Self::EncodedSlash => "The path contains an encoded slash.",
            Self::EncodedPercent => "The path contains an encoded percent sign.",
            Self::DoubleSlash => "The path contains an empty segment.",
            Self::Semicolon => "The path contains a semicolon.",
            Self::ControlByte => "The path contains a byte that is not allowed.",
            Self::BadEscape => "The path contains an invalid percent escape.",
            Self::NeedlessEscape => "The path contains a percent escape of a character that needs none.",
            Self::Host => "The request requires exactly one valid Host header.",
            Self::Framing => "The length of the body is ambiguous.",
            Self::Field => "A header begins or ends with white space.",
            Self::HeaderTooLarge => "The request line and headers are too large.",
            Self::TooManyHeaders => "The request has too many headers.",
            Self::Method => "This method is not supported.",
        }
    }

    /// The `reason` label of `sidegate_requests_rejected_total`.
    pub fn rejection(self) -> &'static str {
        match self {
            Self::HeaderTooLarge | Self::TooManyHeaders => "header_too_large",
            Self::Framing => "smuggling",
            Self::Host => "host_unknown",
            _ => "bad_request",
        }
    }
}

impl TokenFault {
    /// Every variant.
    pub const ALL: [Self; 13] = [
        Self::TooLarge,
        Self::Malformed,
        Self::WrongIssuer,
        Self::UnknownKey,
        Self::KeysUnavailable,
        Self::WrongAlgorithm,
        Self::BadSignature,
        Self::BadClaims,
        Self::BoundToKey,
        Self::WrongType,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Malformed => "token_malformed",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::UnknownKey => "token_unknown_key",
            Self::KeysUnavailable => "issuer_keys_unavailable",
            Self::WrongAlgorithm => "token_wrong_algorithm",
            Self::BadSignature => "token_bad_signature",
            Self::BadClaims => "token_bad_claims",
            Self::BoundToKey => "token_bound_to_key",
            Self::WrongType => "token_wrong_type",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::WrongAudience => "token_wrong_audience",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::TooLarge => "The access token is too large.",
            Self::Malformed => "The access token is malformed.",
            Self::WrongIssuer => "The access token is from an issuer that is not trusted.",
            Self::UnknownKey | Self::BadSignature => "The access token's signature cannot be verified.",
            Self::KeysUnavailable => "The keys of the access token's issuer are not available right now; try again.",
            Self::WrongAlgorithm => "The access token is signed with an algorithm that is not accepted.",
            Self::BadClaims => "A required claim of the access token is missing or invalid.",
            Self::BoundToKey => "The access token is bound to a key or certificate, which cannot be verified here.",
            Self::WrongType => "This is not an access token.",
            Self::Expired => "The access token has expired.",
            Self::NotYetValid => "The access token is not valid yet.",
            Self::WrongAudience => "The access token is for another audience.",
        }
    }
}

impl From<Malformed> for Denial {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl From<TokenFault> for Denial {
    fn from(fault: TokenFault) -> Self {
        Self::Token(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A match without a wildcard, so that a new variant cannot be forgotten in `all()`.
    fn kind(denial: &Denial) -> usize {
        match denial {
            Denial::Malformed(_) => 0,
            Denial::RouteNotFound => 1,
            Denial::CredentialsMissing => 2,
            Denial::CredentialsMalformed => 3,
            Denial::CredentialsAmbiguous => 4,
            Denial::Token(_) => 5,
            Denial::Revoked => 6,
            Denial::TokenOutdated => 7,
            Denial::RevocationUnknown => 8,
            Denial::RateLimited(_) => 9,
            Denial::LimitUnknown => 10,
            Denial::PolicyDenied => 11,
            Denial::StepUpRequired { .. } => 12,
            Denial::BodyTooLarge => 13,
            Denial::UpstreamUnreachable => 14,
            Denial::UpstreamTimeout => 15,
            Denial::UpstreamUnhealthy => 16,
            Denial::UpstreamBroken => 17,
            Denial::Internal => 18,
            Denial::CrossSite => 19,
            Denial::RequestTimeout => 20,
            Denial::AssertionUnavailable => 21,
            Denial::KeyRevoked => 22,
            Denial::ConnectionsExhausted => 23,
            Denial::OriginNotAllowed => 24,
        }
    }

    #[test]
    fn every_denial_has_its_own_code_and_is_listed() {
        let all = Denial::all();
        let codes: HashSet<_> = all.iter().map(Denial::code).collect();
        assert_eq!(codes.len(), all.len(), "two denials share a code");
        let kinds: HashSet<_> = all.iter().map(kind).collect();
        assert_eq!(kinds.len(), 25, "Denial::all() misses a variant");
    }

    #[test]
    fn every_401_carries_a_challenge_and_every_429_a_wait() {
        for denial in Denial::all() {
            if denial.status() == StatusCode::UNAUTHORIZED {
                assert!(
                    denial.challenge().is_some_and(|c| c.starts_with("Bearer ")),
                    "{}",
                    denial.code()
                );
            }
            if denial.status() == StatusCode::TOO_MANY_REQUESTS {
                assert!(denial.retry_after().is_some(), "{}", denial.code());
            }
        }
    }

    #[test]
    fn a_denial_is_never_a_success() {
        for denial in Denial::all() {
            assert!(
                denial.status().is_client_error() || denial.status().is_server_error(),
                "{}",
                denial.code()
            );
        }
    }

    #[test]
    fn a_missing_token_is_challenged_without_an_error_attribute() {
        assert_eq!(
            Denial::CredentialsMissing.challenge().unwrap(),
            r#"Bearer realm="sidegate""#
        );
    }
}
