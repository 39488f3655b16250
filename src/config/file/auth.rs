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

/// Accounts, sign-in, tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The path prefix of the API.
    pub base_path: String,
    /// The claim `iss` of issued tokens. Default: `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Url>,
    /// The claim `aud` of issued tokens.
    #[schemars(extend("x-required" = true))]
    pub audience: Vec<String>,
    /// 32 random bytes in base64, as `sidegate secrets new` prints them. Encrypts signing keys, TOTP secrets and queued email in the database: without it they are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub secret: Option<SecretSource>,
    /// Replaced secrets. They only decrypt and verify what was created with them.
    pub previous_secrets: Vec<SecretSource>,
    /// Access tokens, which are sent with each request.
    pub access_token: AccessToken,
    /// Refresh tokens, which are exchanged for new access tokens.
    pub refresh_token: RefreshToken,
    /// Sessions: one for each sign-in on a device.
    pub sessions: Sessions,
    /// The keys that sign access tokens.
    pub signing: Signing,
    /// Who can create an account.
    pub registration: Registration,
    /// Verification of email addresses.
    pub email: Email,
    /// Password reset links.
    pub password_reset: PasswordReset,
    /// Password rules and hashing.
    pub password: Password,
    /// The temporary lock of an account after wrong passwords.
    pub lockout: Lockout,
    /// Rate limit of sign-in attempts, successful or not.
    pub login_limit: LoginLimit,
    /// Rate limits of the other account operations, successful or not.
    pub limits: Limits,
    /// Second factors.
    pub mfa: Mfa,
    /// The name of a cookie that can contain the access token instead of the `Authorization` header. Default: no cookie is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_cookie: Option<String>,
    /// The sign-in page for routes with `unauthenticated: login`: a URL, or a path of this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<String>,
    /// The redirect target of `/.well-known/change-password`, which password managers open: a URL, or a path of this host. Default:
    /// none, 404.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_password_url: Option<String>,
    /// Services that can introspect (RFC 7662) and revoke (RFC 7009) tokens.
    pub clients: Vec<clients::Client>,
    /// How email is sent. Without it none is: no verification, no password reset, no invitation by email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<mail::Mail>,
    /// Which events the audit log contains.
    pub audit: audit::Audit,
    /// How long rows are kept that are no longer used.
    pub retention: Retention,
}

/// Access tokens, which are sent with each request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessToken {
    /// The lifetime of an access token, and so the longest time for which a stolen one works.
    pub ttl: Duration,
    /// The random variation of `ttl`, so that clients do not all refresh at once.
    pub jitter: Percentage,
    /// Members of the user's profile that are copied to claims of the same name.
    pub profile_claims: Vec<String>,
}

/// Refresh tokens, which are exchanged for new access tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshToken {
    /// The lifetime of an unused refresh token.
    pub ttl: Duration,
    /// The maximum duration of a session, however often it is refreshed.
    pub session_max: Duration,
    /// How long a retry with the same refresh token gets the same response. 0s: a second use is always reuse.
    pub reuse_grace: Duration,
    /// How to treat a used refresh token whose successor was never used.
    pub lost_response: LostResponse,
}

/// Sessions: one for each sign-in on a device.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// The most open sessions of one account. A further sign-in ends the session that was not refreshed for the longest time.
    pub per_user: u32,
}

/// How to treat a refresh token that is used again after `reuse_grace` while its successor was never used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LostResponse {
    /// The response was lost: accept it once more.
    Accept,
    /// The token was stolen: revoke the session.
    Revoke,
}

/// The keys that sign access tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Signing {
    /// The algorithm of new keys.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before the next one replaces it. 0s: only `sidegate keys rotate` replaces it.
    pub rotate_every: Duration,
}

/// A signature algorithm for issued tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA PKCS#1 1.5 with SHA-256, for applications that verify nothing else. Keys are imported: `sidegate keys import`.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Password rules and hashing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// The hash function for new passwords. Hashes of any supported function are accepted.
    pub hash: PasswordHash,
    /// bcrypt: the cost. One more doubles the time.
    pub cost: u8,
    /// argon2id: the memory of one hash. Times `workers` is the memory that hashing takes.
    pub memory: Size,
    /// argon2id: the number of iterations.
    pub iterations: u8,
    /// argon2id: the degree of parallelism.
    pub parallelism: u8,
    /// The minimum length of a new password, in characters.
    pub min_length: u8,
    /// A list of passwords from breaches, which are refused: a sorted file, or a folder of range files, in the format of Have I
    /// Been Pwned. Default: only the 3,000 most used passwords are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breached: Option<String>,
    /// The number of hashing threads. They run at low priority.
    pub workers: u8,
    /// How many sign-ins can wait for a thread; more are answered with 503.
    pub queue: u16,
    /// How long a sign-in can wait for a thread before it is answered with 503.
    pub wait: Duration,
}

/// A password hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordHash {
    /// bcrypt, `$2b$`; at most 72 bytes.
    Bcrypt,
    /// Argon2id, `$argon2id$`; at most 1024 bytes.
    Argon2id,
}

/// The temporary lock of an account after wrong passwords.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lockout {
    /// The number of wrong passwords within `window` that locks an account.
    pub attempts: u16,
    /// The time within which wrong passwords are counted.
    pub window: Duration,
    /// The duration of the first lock. Each following one is twice as long.
    pub duration: Duration,
    /// The longest lock.
    pub max: Duration,
}

/// Rate limit of sign-in attempts, successful or not, in a sliding window.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginLimit {
    /// Attempts from one client IP (IPv6: from one /64).
    pub per_ip: u32,
    /// Attempts for one account, from any client.
    pub per_account: u32,
    /// The sliding window of both limits.
    pub window: Duration,
}

/// How long rows are kept that are no longer used.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Sessions, refresh tokens and password reset tokens after they ended, and email that could not be sent.
    pub tokens: Duration,
    /// Audit entries.
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
            sessions: Sessions::default(),
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
            lost_response: LostResponse::Accept,
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { per_user: 100 }
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
            breached: None,
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
            per_ip: 20,
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
