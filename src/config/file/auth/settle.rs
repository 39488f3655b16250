//! Checks the `auth` section and converts it to the settings of the accounts services.

use std::path::Path;

use super::super::super::findings::Findings;
use super::super::super::interpolate::Environment;
use super::super::super::path::KeyPath;
use super::super::super::text::address::Url;
use super::super::super::text::duration::Duration;
use super::super::super::text::size::Size;
use super::super::issuers::check_audience;
use super::email::Verification;
use super::{Auth, LostResponse, Password, PasswordHash, SigningAlgorithm, clients, secrets};
use crate::accounts::password::{Breached, Cost};
use crate::accounts::settings;
use crate::keys::{Algorithm, Secrets};
use crate::mail::settings::Mail;

/// The most memory that hashing can take, all workers together.
const MOST_HASH_MEMORY: Size = Size::mib(4096);

impl Auth {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super::super) fn settle(
        &self,
        public_url: Option<&Url>,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<settings::Settings> {
        self.check_paths(at, findings);
        check_audience(&self.audience, &at.key("audience"), findings);
        self.check_tokens(at, findings);
        self.check_signing(&at.key("signing"), findings);
        self.check_passwords(at, findings);
        self.registration.check(&at.key("registration"), findings);
        self.password_reset.check(&at.key("password_reset"), findings);
        self.mfa.check(&at.key("mfa"), findings);
        for (key, value) in [("tokens", self.retention.tokens), ("audit", self.retention.audit)] {
            findings.range_of(
                &at.key("retention").key(key),
                &value,
                &(Duration::days(1)..=Duration::days(3650)),
            );
        }

        let mail = self
            .mail
            .as_ref()
            .map(|mail| mail.settle(public_url, &at.key("mail"), environment, findings));
        // Without email nobody could verify an address, and so nobody could sign in.
        if self.email.verification == Verification::Required && self.mail.is_none() {
            let message = "is required, because auth.email.verification is `required`: codes are sent by email";
            findings.add(&at.key("mail"), message);
        }
        let secrets = secrets::settle(self.secret.as_ref(), &self.previous_secrets, at, environment, findings);
        let clients = clients::settle(&self.clients, &at.key("clients"), environment, findings);
        let issuer = self.issuer.as_ref().or(public_url);
        if issuer.is_none() {
            findings.add(&at.key("issuer"), "is required, unless server.public_url is given");
        }
        let mail = match mail {
            Some(settled) => Some(settled?),
            None => None,
        };
        let breached = self.password.breached(&at.key("password"), findings);
        let issuer = issuer?;
        let mut settings = self.settings(issuer, public_url.unwrap_or(issuer), secrets?, mail);
        settings.password.breached = breached;
        settings.clients = clients;
        Some(settings)
    }

    fn settings(&self, issuer: &Url, found_at: &Url, secrets: Secrets, mail: Option<Mail>) -> settings::Settings {
        settings::Settings {
            base_path: self.base_path.clone(),
            issuer: issuer.to_string(),
            audience: self.audience.clone(),
            secrets,
            access_token: settings::AccessToken {
                ttl: self.access_token.ttl.0,
                jitter: f64::from(self.access_token.jitter.0) / 100.0,
                profile_claims: self.access_token.profile_claims.clone(),
            },
            refresh_token: settings::RefreshToken {
                ttl: self.refresh_token.ttl.0,
                session_max: self.refresh_token.session_max.0,
                reuse_grace: self.refresh_token.reuse_grace.0,
                lost_response: match self.refresh_token.lost_response {
                    LostResponse::Accept => settings::LostResponse::Accept,
                    LostResponse::Revoke => settings::LostResponse::Revoke,
                },
            },
            sessions: settings::Sessions {
                per_user: self.sessions.per_user,
            },
            audit_refreshes: self.audit.refreshes(),
            signing: settings::Signing {
                algorithm: match self.signing.algorithm {
                    SigningAlgorithm::Es256 => Algorithm::Es256,
                    SigningAlgorithm::EdDsa => Algorithm::EdDsa,
                    SigningAlgorithm::Rs256 => Algorithm::Rs256,
                },
                rotate_every: Some(self.signing.rotate_every.0).filter(|every| !every.is_zero()),
            },
            registration: self.registration.settings(),
            email: self.email.settings(),
            password_reset: self.password_reset.settings(),
            password: settings::Password {
                hash: match self.password.hash {
                    PasswordHash::Bcrypt => settings::PasswordHash::Bcrypt,
                    PasswordHash::Argon2id => settings::PasswordHash::Argon2id,
                },
                cost: self.password.cost.into(),
                argon2: Cost {
                    memory_kib: u32::try_from(self.password.memory.0 >> 10).unwrap_or(u32::MAX),
                    iterations: self.password.iterations.into(),
                    parallelism: self.password.parallelism.into(),
                },
                min_length: self.password.min_length.into(),
                breached: None,
                workers: self.password.workers.into(),
                queue: self.password.queue.into(),
                wait: self.password.wait.0,
            },
            lockout: settings::Lockout {
                attempts: self.lockout.attempts.into(),
                window: self.lockout.window.0,
                duration: self.lockout.duration.0,
                max: self.lockout.max.0,
            },
            login_limit: settings::LoginLimit {
                per_address: self.login_limit.per_ip,
                per_account: self.login_limit.per_account,
                window: self.login_limit.window.0,
            },
            change_password_url: self.change_password_url.clone(),
            clients: Vec::new(),
            limits: self.limits.settings(),
            mail,
            mfa: self.mfa.settings(found_at),
        }
    }

    fn check_paths(&self, at: &KeyPath, findings: &mut Findings) {
        let legal = |segment: &str| {
            !segment.is_empty()
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !self
            .base_path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(legal))
        {
            let got = format!("{:?}", self.base_path);
            findings.expected(
                &at.key("base_path"),
                "a path such as /auth, without a slash at its end",
                got,
            );
        }
        if let Some(name) = &self.session_cookie {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || !name.bytes().all(legal) {
                let expected = "the name of a cookie such as __Host-session";
                findings.expected(&at.key("session_cookie"), expected, format_args!("{name:?}"));
            } else if !name.starts_with("__Host-") {
                // Without the prefix a sibling subdomain can set a cookie of this name (RFC 6265bis section 4.1.3.2).
                findings.warn(
                    &at.key("session_cookie"),
                    "does not begin with __Host-: another subdomain could set it",
                );
            }
        }
        for (key, url) in [
            ("login_url", &self.login_url),
            ("change_password_url", &self.change_password_url),
        ] {
            let Some(url) = url else { continue };
            let is_path = url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
            let visible = url.bytes().all(|byte| byte.is_ascii_graphic());
            if !visible || !(is_path || url.parse::<Url>().is_ok()) {
                let expected = "a URL such as https://login.example.com, or a path such as /login";
                findings.expected(&at.key(key), expected, format_args!("{url:?}"));
            }
        }
    }

    fn check_tokens(&self, at: &KeyPath, findings: &mut Findings) {
        let access = at.key("access_token");
        findings.range_of(
            &access.key("ttl"),
            &self.access_token.ttl,
            &(Duration::seconds(1)..=Duration::days(1)),
        );
        if self.access_token.jitter.0 > 50 {
            findings.expected(&access.key("jitter"), "0% to 50%", self.access_token.jitter);
        }
        let refresh = at.key("refresh_token");
        let token = &self.refresh_token;
        if token.ttl <= self.access_token.ttl {
            let expected = format!("more than access_token.ttl ({})", self.access_token.ttl);
            findings.expected(&refresh.key("ttl"), expected, token.ttl);
        }
        if token.session_max < token.ttl {
            findings.expected(
                &refresh.key("session_max"),
                format!("at least ttl ({})", token.ttl),
                token.session_max,
            );
        }
        let per_user = at.key("sessions").key("per_user");
        findings.range(&per_user, self.sessions.per_user.into(), 1..=10_000);
        // For this long, a thief of the old token is given the same response as its owner.
        findings.range_of(
            &refresh.key("reuse_grace"),
            &token.reuse_grace,
            &(Duration::seconds(0)..=Duration::minutes(5)),
        );
    }

    fn check_signing(&self, at: &KeyPath, findings: &mut Findings) {
        // A key is published for two minutes before it signs, and at most one key waits.
        let every = &self.signing.rotate_every;
        if !every.0.is_zero() {
            findings.range_of(
                &at.key("rotate_every"),
                every,
                &(Duration::minutes(5)..=Duration::days(3650)),
            );
        }
    }

    fn check_passwords(&self, at: &KeyPath, findings: &mut Findings) {
        let password = at.key("password");
        findings.range(&password.key("cost"), self.password.cost.into(), 4..=20);
        if (4..10).contains(&self.password.cost) {
            findings.warn(
                &password.key("cost"),
                "is below 10: stolen hashes would be cheap to guess; for tests only",
            );
        }
        self.check_argon2(&password, findings);
        findings.range(&password.key("min_length"), self.password.min_length.into(), 8..=64);
        findings.range(&password.key("workers"), self.password.workers.into(), 1..=64);
        findings.range(&password.key("queue"), self.password.queue.into(), 1..=10_000);
        let wait = Duration::ms(100)..=Duration::minutes(1);
        findings.range_of(&password.key("wait"), &self.password.wait, &wait);

        let lockout = at.key("lockout");
        findings.range(&lockout.key("attempts"), self.lockout.attempts.into(), 1..=1000);
        let hours = Duration::seconds(1)..=Duration::days(30);
        findings.range_of(&lockout.key("window"), &self.lockout.window, &hours);
        findings.range_of(&lockout.key("duration"), &self.lockout.duration, &hours);
        if self.lockout.max < self.lockout.duration {
            let expected = format!("at least duration ({})", self.lockout.duration);
            findings.expected(&lockout.key("max"), expected, self.lockout.max);
        }

        let limit = at.key("login_limit");
        findings.range(&limit.key("per_ip"), self.login_limit.per_ip.into(), 1..=1_000_000);
        findings.range(
            &limit.key("per_account"),
            self.login_limit.per_account.into(),
            1..=1_000_000,
        );
        let window = Duration::seconds(1)..=Duration::days(1);
        findings.range_of(&limit.key("window"), &self.login_limit.window, &window);
    }

    /// Checked with bcrypt too: the values would be used after the next edit of `hash`.
    fn check_argon2(&self, at: &KeyPath, findings: &mut Findings) {
        let password = &self.password;
        let memory = at.key("memory");
        if !(Size::kib(64)..=Size::mib(1024)).contains(&password.memory) {
            findings.expected(&memory, "64KiB to 1GiB", password.memory);
        } else if password.memory.0 * u64::from(password.workers) > MOST_HASH_MEMORY.0 {
            // A container that exceeds its memory limit is killed, and proxies nothing.
            let expected = format!(
                "at most {MOST_HASH_MEMORY} for all {} workers together",
                password.workers
            );
            findings.expected(&memory, expected, password.memory);
        }
        findings.range(&at.key("iterations"), password.iterations.into(), 1..=64);
        findings.range(&at.key("parallelism"), password.parallelism.into(), 1..=64);
        let weak = password.memory < Size::mib(7) || password.memory < Size::mib(19) && password.iterations < 2;
        if password.hash == PasswordHash::Argon2id && weak {
            findings.warn(&memory, "is low: stolen hashes would be cheap to guess; for tests only");
        }
    }
}

impl Password {
    /// The list of `breached`, whose format is checked now: a list that is never found in would refuse nothing.
    fn breached(&self, at: &KeyPath, findings: &mut Findings) -> Option<Breached> {
        let path = self.breached.as_ref()?;
        Breached::open(Path::new(path))
            .map_err(|expected| findings.expected(&at.key("breached"), expected, format_args!("{path:?}")))
            .ok()
    }
}
