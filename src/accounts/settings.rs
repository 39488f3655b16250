//! The `auth` section of the configuration as checked values.

mod clients;
mod days;
mod email;
mod limits;
mod paths;

use std::time::Duration;

use crate::accounts::password::{Breached, Cost};
use crate::keys::{Algorithm, Secrets};
use crate::mail::settings::Mail;

pub use self::clients::Client;
use self::days::days;
pub use self::email::{Email, Invitation, PasswordReset, Verification};
pub use self::limits::{Limit, Limits, Rate};
pub use self::paths::{WELL_KNOWN, is_own_path};

/// The settings of an issuer. `config` has checked each value.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `auth.base_path`: the path prefix of the API, such as `/auth`, without a trailing slash.
    pub base_path: String,
    /// `auth.issuer`: the `iss` of issued tokens.
    pub issuer: String,
    /// `auth.audience`: the `aud` of issued tokens, at least one.
    pub audience: Vec<String>,
    /// The keys derived from `auth.secret` and `auth.previous_secrets`.
    pub secrets: Secrets,
    /// `auth.access_token`.
    pub access_token: AccessToken,
    /// `auth.refresh_token`.
    pub refresh_token: RefreshToken,
    /// `auth.sessions`.
    pub sessions: Sessions,
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
    /// The fraction of `ttl` by which a lifetime can be shorter or longer, 0.05 for 5 %, so that clients that signed in
    /// together do not refresh together.
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
    /// The lifetime of an unused token; 30 days.
    pub ttl: Duration,
    /// The maximum lifetime of a session, independent of refreshes; 90 days.
    pub session_max: Duration,
    /// How long a used token gets the same response again; 30 seconds. Zero is the strict rule: a second use is reuse.
    pub reuse_grace: Duration,
    /// What a used token means after that, if its successor was never used.
    pub lost_response: LostResponse,
}

/// `auth.sessions`.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// The most open sessions of an account; 100. A further sign-in ends the one that was not refreshed for the longest
    /// time.
    pub per_user: u32,
}

/// `auth.refresh_token.lost_response`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LostResponse {
    /// The response was lost: return another successor, once, in place of the unused one.
    #[default]
    Accept,
    /// It may have been stolen: end the session.
    Revoke,
}

/// `auth.audit.refreshes`: which refreshes are audit entries of their own. All are counted by their session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AuditRefreshes {
    /// Every refresh.
    All,
    /// Refreshes from another network or with another user agent than the one before.
    #[default]
    Changes,
    /// None, except those whose response was lost.
    None,
}

/// `auth.signing`.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// How long a key signs before the next one becomes active; `None` for no automatic rotation.
    pub rotate_every: Option<Duration>,
}

/// `auth.registration`.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Who can register.
    pub mode: RegistrationMode,
    /// The domains of email addresses that can register; empty means any.
    pub domains: Vec<String>,
    /// `auth.registration.invitation`.
    pub invitation: Invitation,
}

/// `auth.registration.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Anyone.
    Open,
    /// Anyone with an invitation.
    Invitation,
    /// Nobody; operators create accounts.
    #[default]
    Closed,
}

/// `auth.password`.
#[derive(Clone, Debug)]
pub struct Password {
    /// The hash function of new passwords; hashes of all supported functions are verified.
    pub hash: PasswordHash,
    /// The cost of bcrypt: each step doubles the work. 12 takes about 0.3 s.
    pub cost: u32,
    /// The cost of argon2id.
    pub argon2: Cost,
    /// The minimum length in characters; 8.
    pub min_length: usize,
    /// The list of passwords from breaches.
    pub breached: Option<Breached>,
    /// The number of threads that hash.
    pub workers: usize,
    /// The number of jobs that can wait for a thread; one more is answered with 503.
    pub queue: usize,
    /// How long a job can wait; after that its caller has timed out.
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
    /// The number of consecutive wrong passwords that locks an account; 5.
    pub attempts: u32,
    /// How long a wrong password counts.
    pub window: Duration,
    /// The duration of the first lock; each consecutive one is twice as long.
    pub duration: Duration,
    /// The maximum duration of a lock.
    pub max: Duration,
}

/// `auth.login_limit`: attempts, successful or not, in a sliding window.
#[derive(Clone, Debug)]
pub struct LoginLimit {
    /// Per client IP (IPv6: per /64).
    pub per_address: u32,
    /// Per account.
    pub per_account: u32,
    /// The window of both.
    pub window: Duration,
}

/// `auth.mfa`.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// The name of this service in authenticator apps.
    pub issuer: String,
}

/// The longest `auth.mfa.issuer`, in characters: a QR code contains it twice, with every character escaped.
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
            lost_response: LostResponse::default(),
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
            breached: None,
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
