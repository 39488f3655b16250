//! The second step of a sign-in.

use time::OffsetDateTime;
use uuid::Uuid;

use super::ticket::{self, Ticket};
use super::{AMR, Challenge, Factor, Method, MfaError, Verdict};
use crate::accounts::codes::{self, Purpose};
use crate::accounts::limits::Window;
use crate::accounts::mail::{Letter, Recipient};
use crate::accounts::open::Opening;
use crate::accounts::{Accounts, Origin, SignedIn, lock};
use crate::secret::Secret;
use crate::store::users::{self, User};

impl Accounts {
    /// The question for a second factor, for a user whose password was right.
    pub(in crate::accounts) fn challenge(
        &self,
        user: &User,
        methods: Vec<Method>,
        device_name: Option<&str>,
        device: Option<Uuid>,
        now: OffsetDateTime,
    ) -> Challenge {
        let ticket = Ticket::new(user, device_name, device, now);
        Challenge {
            mfa_token: ticket.seal(&self.settings.secret),
            methods,
            expires_in: ticket::LIFE,
        }
    }

    /// Completes a sign-in.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn login_second_step(
        &self,
        mfa_token: &Secret,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, MfaError> {
        let outcome = self.try_second_step(mfa_token, factor, origin, now).await;
        match &outcome {
            Ok(_) => {
                let labels = &["password", "success"];
                self.metrics.login_attempts.with_label_values(labels).inc();
            }
            Err(MfaError::TokenInvalid) => self.count_challenge(factor.method(), "invalid_token"),
            Err(MfaError::RateLimited { .. }) => self.count_challenge(factor.method(), "rate_limited"),
            Err(MfaError::Failure(_)) => self.count_challenge(factor.method(), "error"),
            // What came of a factor was counted where it was spent.
            Err(_) => {}
        }
        outcome
    }

    async fn try_second_step(
        &self,
        mfa_token: &Secret,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, MfaError> {
        let ticket = self.take_ticket(mfa_token, origin, now).await?;
        let shown = self.shown(ticket.user_id, factor).await?;
        let tx = self.postgres.transaction("login_mfa").await?;
        let user = users::find_for_update(&tx, ticket.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &ticket, now));
        let user = user.ok_or(MfaError::TokenInvalid)?;

        if self.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
            // Of a known device its own allowance counts, as it does for passwords.
            let counted = Some(user.id).filter(|_| ticket.device.is_none());
            let failures = self.count_failure(&tx, counted, now).await?;
            self.note_lock(&tx, counted, failures, origin, now).await?;
            tx.commit().await?;
            return Err(MfaError::WrongCode);
        }
        let opening = Opening {
            device_name: ticket.device_name.as_deref(),
            device: ticket.device,
            amr: &AMR,
            second_factor: Some(shown.factor.method().word()),
        };
        Ok(self.open_session(tx, &user, opening, origin, now).await?)
    }

    /// Mails the code that completes a sign-in, to who turned that on.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn mail_login_code(
        &self,
        mfa_token: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), MfaError> {
        let ticket = Ticket::open(&self.settings.secret, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
        let user = users::find(&self.postgres, ticket.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &ticket, now));
        self.mail_code(&user.ok_or(MfaError::TokenInvalid)?, origin, now).await
    }

    /// Makes a code and queues its letter.
    pub(super) async fn mail_code(&self, user: &User, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
        if !self.mails_codes(user) {
            return Err(MfaError::NotEnabled);
        }
        // A mailbox is not to be flooded by whoever has the password; apart from the tries, which each letter may need.
        let key = format!("mail:{}", user.id);
        self.limit(Window::Mfa, origin.address, Some(&key), now).await?;
        let code = self.new_code(Purpose::Mfa, user.id, "").await?;
        let to = Recipient {
            user_id: Some(user.id),
            email: user.email.clone(),
            name: user.username.clone(),
        };
        let letter = Letter::MfaCode {
            code: code.expose().to_owned(),
        };
        self.mail(&self.postgres, to, letter, Some(codes::LIFE), now).await?;
        Ok(())
    }

    /// Reads a token and counts the attempt: by token, by account (or by its known device), by address.
    async fn take_ticket(&self, mfa_token: &Secret, origin: &Origin, now: OffsetDateTime) -> Result<Ticket, MfaError> {
        let ticket = Ticket::open(&self.settings.secret, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
        let by_token = self
            .limiter
            .take("mfa_token", &ticket.id.to_string(), ticket::ATTEMPTS, ticket::LIFE, now)
            .await;
        if !by_token.allowed {
            return Err(MfaError::TokenInvalid);
        }
        let key = match ticket.device {
            Some(device) => format!("{}:{device}", ticket.user_id),
            None => ticket.user_id.to_string(),
        };
        self.limit(Window::Mfa, origin.address, Some(&key), now).await?;
        Ok(ticket)
    }

    /// Whether what let this sign-in begin is still so.
    fn still_admits(&self, user: &User, ticket: &Ticket, now: OffsetDateTime) -> bool {
        user.deleted_at.is_none()
            && ticket.is_of_password(user)
            && !lock::keeps_out(user, ticket.device.is_some(), &self.settings.lockout, now)
            && self.refusal(user).is_none()
    }
}
