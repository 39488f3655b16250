//! The `auth` section of the configuration as checked values.

mod clients;
mod email;
mod limits;
mod paths;

use std::time::Duration;

use crate::accounts::password::Cost;
use crate::keys::{Algorithm, Secrets};
use crate::mail::settings::Mail;

pub use self::clients::Client;
pub use self::email::{Email, Invitation, PasswordReset, Verification};
pub use self::limits::{Limit, Limits, Rate};
pub use self::paths::{WELL_KNOWN, is_own_path};

/// The settings of an issuer. `config` has checked each value.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `auth.base_path`: the path prefix of the API, such as `/auth`, without a trailing slash.
    pub base_path: String,
    /// `auth.issuer`: the `iss` of our tokens.
    pub issuer: String,
    /// `auth.audience`: the `aud` of our tokens, at least one.
    pub audience: Vec<String>,
    /// The keys derived from `auth.secret` and `auth.previous_secrets`.
    pub secrets: Secrets,
    /// `auth.access_token`.
    pub access_token: AccessToken,
    /// `auth.refresh_token`.
    pub refresh_token: RefreshToken,
    /// `auth.audit.refreshes`.
    pub audit_refreshes: AuditRefreshes,
    /// `auth.signing`.
    pub signing: Signing,
    /// `auth.registration`.
    pub registration: Registration,
    /// `auth.email`.
    pub email: Email,
    /// `auth.password_reset`.
    pub password_reset: PasswordReset,
    /// `auth.password`.
    pub password: Password,
    /// `auth.lockout`.
    pub lockout: Lockout,
    /// `auth.login_limit`.
    pub login_limit: LoginLimit,
    /// `auth.limits`.
    pub limits: Limits,
    /// `auth.change_password_url`: the target of `/.well-known/change-password`.
    pub change_password_url: Option<String>,
    /// `auth.clients`.
    pub clients: Vec<Client>,
    /// `auth.mail`; without it no email is sent.
    pub mail: Option<Mail>,
    /// `auth.mfa`.
    pub mfa: Mfa,
}

/// `auth.access_token`.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The lifetime; 10 minutes.
    pub ttl: Duration,
    /// By which part of `ttl` a life may be shorter or longer, 0.05 for 5 %, so that clients that signed in together do
    /// not refresh together.
    pub jitter: f64,
    /// Members of the profile that become claims of the same name.
    pub profile_claims: Vec<String>,
}

impl AccessToken {
    /// The longest lifetime of a token, which revocations and retired keys have to outlive.
    pub fn longest_life(&self) -> Duration {
        self.ttl.mul_f64(1.0 + self.jitter)
    }
}

/// `auth.refresh_token`.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// How long an unused one lives; 30 days.
    pub ttl: Duration,
    /// How long a session lives at most, however often it is refreshed; 90 days.
    pub session_max: Duration,
    /// How long a used token gives the same answer again; 30 seconds. Zero is the strict rule: a second use is reuse.
    pub reuse_grace: Duration,
    /// What a used token means after that, when its successor was never used.
    pub lost_answer: LostAnswer,
}

/// `auth.refresh_token.lost_answer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LostAnswer {
    /// The answer never arrived: give another, once, and revoke the successor nobody used.
    #[default]
    Accept,
    /// It may have been stolen: end the session.
    Revoke,
}

/// `auth.audit.refreshes`: which refreshes are audit entries of their own. All are counted by their session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AuditRefreshes {
    /// Each.
    All,
    /// Those that come from another network or another user agent than the one before.
    #[default]
    Changes,
    /// None, but for those whose answer was lost.
    None,
}

/// `auth.signing`.
#[derive(Clone, Debug)]
pub struct Signing {
    /// With which algorithm new keys sign.
    pub algorithm: Algorithm,
    /// How long a key signs before the next takes over; never without.
    pub rotate_every: Option<Duration>,
}

/// `auth.registration`.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Who may create an account.
    pub mode: RegistrationMode,
    /// Mail domains that may; empty means any.
    pub domains: Vec<String>,
    /// `auth.registration.invitation`.
    pub invitation: Invitation,
}

/// `auth.registration.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Anyone.
    Open,
    /// Whoever holds an invitation.
    Invitation,
    /// Nobody; operators create accounts.
    #[default]
    Closed,
}

/// `auth.password`.
#[derive(Clone, Debug)]
pub struct Password {
    /// With what new passwords are hashed; a hash of any known make verifies.
    pub hash: PasswordHash,
    /// The cost of bcrypt: each step doubles the work. 12 takes about 0.3 s.
    pub cost: u32,
    /// The cost of argon2id.
    pub argon2: Cost,
    /// In characters; 8.
    pub min_length: usize,
    /// Threads that hash.
    pub workers: usize,
    /// Jobs that may wait for a thread; one more is answered 503.
    pub queue: usize,
    /// How long a job may wait; after that nobody waits for it any more.
    pub wait: Duration,
}

/// `auth.password.hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PasswordHash {
    /// `$2b$`
    #[default]
    Bcrypt,
    /// `$argon2id$`
    Argon2id,
}

/// `auth.lockout`.
#[derive(Clone, Debug)]
pub struct Lockout {
    /// Wrong passwords in a row that lock an account; 5.
    pub attempts: u32,
    /// How long a wrong password counts.
    pub window: Duration,
    /// The first lock; each in a row is twice as long.
    pub duration: Duration,
    /// No lock is longer.
    pub max: Duration,
}

/// `auth.login_limit`: attempts, right or wrong, in a sliding window.
#[derive(Clone, Debug)]
pub struct LoginLimit {
    /// From one address (IPv6: one /64).
    pub per_address: u32,
    /// For one account.
    pub per_account: u32,
    /// The window of both.
    pub window: Duration,
}

/// `auth.mfa`.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// What an authenticator calls this service.
    pub issuer: String,
}

/// Characters of `auth.mfa.issuer`: a QR code holds it twice, with every character escaped.
pub const MFA_ISSUER_MAX: usize = 40;

impl Default for AccessToken {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(600),
            jitter: 0.05,
            profile_claims: Vec::new(),
        }
    }
}

impl Default for RefreshToken {
    fn default() -> Self {
        Self {
            ttl: days(30),
            session_max: days(90),
            reuse_grace: Duration::from_secs(30),
            lost_answer: LostAnswer::default(),
        }
    }
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            rotate_every: Some(days(90)),
        }
    }
}

impl Default for Password {
    fn default() -> Self {
        Self {
            hash: PasswordHash::default(),
            cost: 12,
            argon2: Cost::default(),
            min_length: 8,
            workers: 2,
            queue: 64,
            wait: Duration::from_secs(5),
        }
    }
}

impl Default for Lockout {
    fn default() -> Self {
        let quarter_hour = Duration::from_secs(900);
        Self {
            attempts: 5,
            window: quarter_hour,
            duration: quarter_hour,
            max: days(1),
        }
    }
}

impl Default for LoginLimit {
    fn default() -> Self {
        Self {
            per_address: 20,
            per_account: 10,
            window: Duration::from_secs(60),
        }
    }
}

const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}
