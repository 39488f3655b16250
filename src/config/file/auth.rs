//! `auth:`

pub mod audit;
pub mod clients;
mod email;
pub mod limits;
pub mod mail;
mod mfa;
mod password_reset;
mod registration;
mod secrets;
mod settle;

pub use self::limits::Limits;
pub use self::mfa::Mfa;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::address::Url;
use super::super::text::duration::Duration;
use super::super::text::percentage::Percentage;

use super::super::text::secret::SecretSource;
use super::super::text::size::Size;

pub use email::Email;
pub use password_reset::PasswordReset;
pub use registration::Registration;

/// Accounts, logins, tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Where the endpoints are.
    pub base_path: String,
    /// The `iss` of our tokens. Default: `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Url>,
    /// The `aud` of our tokens.
    #[schemars(extend("x-required" = true))]
    pub audience: Vec<String>,
    /// 32 bytes in base64. Seals what the database must not show: signing keys, second factors, queued email.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub secret: Option<SecretSource>,
    /// Secrets that no longer seal anything, and still open what was sealed with them.
    pub previous_secrets: Vec<SecretSource>,
    /// The short-lived token of each request.
    pub access_token: AccessToken,
    /// The long-lived token that gets new access tokens.
    pub refresh_token: RefreshToken,
    /// How access tokens are signed.
    pub signing: Signing,
    /// Who may create an account.
    pub registration: Registration,
    /// Whether addresses must be proven.
    pub email: Email,
    /// The link that replaces a forgotten password.
    pub password_reset: PasswordReset,
    /// How passwords are kept.
    pub password: Password,
    /// What happens to an account after wrong passwords.
    pub lockout: Lockout,
    /// How often a login may be tried, right or wrong.
    pub login_limit: LoginLimit,
    /// How often what is not a login may be tried, right or wrong.
    pub limits: Limits,
    /// Second factors.
    pub mfa: Mfa,
    /// Name of the cookie that may hold the access token instead of the `Authorization` header. Default: no cookie is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_cookie: Option<String>,
    /// Where a browser goes to sign in, for routes with `unauthenticated: login`: a URL, or a path of this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<String>,
    /// Where `/.well-known/change-password` leads, which password managers follow: a URL, or a path of this host. Default:
    /// nowhere, 404.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_password_url: Option<String>,
    /// Services that may ask about tokens (RFC 7662) and revoke them (RFC 7009).
    pub clients: Vec<clients::Client>,
    /// How letters leave. Without it none does: no verification, no reset, no invitation by mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<mail::Mail>,
    /// What the audit log holds.
    pub audit: audit::Audit,
    /// How long old rows stay.
    pub retention: Retention,
}

/// The short-lived token of each request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessToken {
    /// Life of a token; also how long a stolen one is useful at most.
    pub ttl: Duration,
    /// How much `ttl` varies, so that clients do not all refresh at once.
    pub jitter: Percentage,
    /// Members of the user's profile that become claims of the same name.
    pub profile_claims: Vec<String>,
}

/// The long-lived token that gets new access tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshToken {
    /// How long an unused token stays valid.
    pub ttl: Duration,
    /// How long a session may last, however often it is refreshed.
    pub session_max: Duration,
    /// How long the same token yields the same answer. 0s: a second use is reuse, always.
    pub reuse_grace: Duration,
    /// What a token means whose successor was never used.
    pub lost_answer: LostAnswer,
}

/// What to do with a refresh token that comes again after `reuse_grace` while its successor was never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LostAnswer {
    /// The answer was lost on its way: accept it once more.
    Accept,
    /// Treat it as theft: revoke the session.
    Revoke,
}

/// How access tokens are signed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Signing {
    /// For keys that are made from now on.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before the next takes over by itself; 0s: only by `sidegate keys rotate`.
    pub rotate_every: Duration,
}

/// A signature algorithm for our own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// How passwords are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// The function for new hashes; any known one verifies.
    pub hash: PasswordHash,
    /// bcrypt's cost: one more doubles the time.
    pub cost: u8,
    /// argon2id: what one hash fills; times `workers` is what all may take.
    pub memory: Size,
    /// argon2id: how often it is filled.
    pub iterations: u8,
    /// argon2id: lanes.
    pub parallelism: u8,
    /// Fewest characters of a new password.
    pub min_length: u8,
    /// Threads that hash, at low priority.
    pub workers: u8,
    /// Logins that may wait for a thread; more get 503.
    pub queue: u16,
    /// How long a login may wait for a thread before it gets 503.
    pub wait: Duration,
}

/// A password hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordHash {
    /// bcrypt, `$2b$`; at most 72 bytes.
    Bcrypt,
    /// Argon2id, `$argon2id$`; fills memory.
    Argon2id,
}

/// What happens to an account after wrong passwords.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lockout {
    /// Wrong passwords within `window` that lock an account.
    pub attempts: u16,
    /// How far back they count.
    pub window: Duration,
    /// How long the first lock lasts; each further one in a row is twice as long.
    pub duration: Duration,
    /// No lock is longer.
    pub max: Duration,
}

/// How often a login may be tried, right or wrong, in a sliding window.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginLimit {
    /// From one client address (IPv6: from one /64).
    pub per_address: u32,
    /// For one account, whoever asks.
    pub per_account: u32,
    /// The window of both.
    pub window: Duration,
}

/// How long old rows stay.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Refresh and reset tokens after they ended, and letters that could not be sent.
    pub tokens: Duration,
    /// The audit log.
    pub audit: Duration,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            base_path: "/auth".to_owned(),
            issuer: None,
            audience: Vec::new(),
            secret: None,
            previous_secrets: Vec::new(),
            access_token: AccessToken::default(),
            refresh_token: RefreshToken::default(),
            signing: Signing::default(),
            registration: Registration::default(),
            email: Email::default(),
            password_reset: PasswordReset::default(),
            password: Password::default(),
            lockout: Lockout::default(),
            login_limit: LoginLimit::default(),
            limits: Limits::default(),
            mfa: Mfa::default(),
            session_cookie: None,
            login_url: None,
            change_password_url: None,
            clients: Vec::new(),
            mail: None,
            audit: audit::Audit::default(),
            retention: Retention::default(),
        }
    }
}

impl Default for AccessToken {
    fn default() -> Self {
        Self {
            ttl: Duration::minutes(10),
            jitter: Percentage(5),
            profile_claims: Vec::new(),
        }
    }
}

impl Default for RefreshToken {
    fn default() -> Self {
        Self {
            ttl: Duration::days(30),
            session_max: Duration::days(90),
            reuse_grace: Duration::seconds(30),
            lost_answer: LostAnswer::Accept,
        }
    }
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            algorithm: SigningAlgorithm::Es256,
            rotate_every: Duration::days(90),
        }
    }
}

impl Default for Password {
    fn default() -> Self {
        Self {
            hash: PasswordHash::Bcrypt,
            cost: 12,
            memory: Size::mib(19),
            iterations: 2,
            parallelism: 1,
            min_length: 8,
            workers: 2,
            queue: 64,
            wait: Duration::seconds(5),
        }
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            attempts: 5,
            window: Duration::minutes(15),
            duration: Duration::minutes(15),
            max: Duration::days(1),
        }
    }
}

impl Default for LoginLimit {
    fn default() -> Self {
        Self {
            per_address: 20,
            per_account: 10,
            window: Duration::minutes(1),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            tokens: Duration::days(30),
            audit: Duration::days(400),
        }
    }
}
