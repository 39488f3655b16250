//! The second step of a sign-in.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::login::failures::Failures;
use crate::accounts::login::limits::Limiter;
use crate::accounts::login::limits::windows::{Limits, Window};
use crate::accounts::login::lock;
use crate::accounts::login::refusal::refusal;
use crate::accounts::mfa::by_email::EmailFactor;
use crate::accounts::mfa::error::MfaError;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::method::{AMR, Factor};
use crate::accounts::mfa::token::{self, MfaToken};
use crate::accounts::mfa::verdict::Verdict;
use crate::accounts::sessions::open::{Opening, SessionOpener, SignedIn};
use crate::accounts::settings::Settings;
use crate::audit::Origin;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::postgres::Postgres;
use crate::store::sessions;
use crate::store::users::{self, User};

/// Completes a sign-in with a second factor.
pub struct SecondStep {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) factors: Arc<Factors>,
    pub(crate) postgres: Postgres,
    pub(crate) failures: Arc<Failures>,
    pub(crate) opener: Arc<SessionOpener>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) email_factor: Arc<EmailFactor>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) limits: Arc<Limits>,
}

impl SecondStep {
    /// Completes a sign-in.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn complete(
        &self,
        mfa_token: &Secret,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, MfaError> {
        let outcome = self.try_complete(mfa_token, factor, origin, now).await;
        match &outcome {
            Ok(_) => {
                let labels = &["password", "success"];
                self.metrics.login_attempts.with_label_values(labels).inc();
            }
            Err(MfaError::TokenInvalid) => self.factors.count_challenge(factor.method(), "invalid_token"),
            Err(MfaError::RateLimited { .. }) => self.factors.count_challenge(factor.method(), "rate_limited"),
            Err(MfaError::Failure(_)) => self.factors.count_challenge(factor.method(), "error"),
            // The outcome of the factor was counted where it was used.
            Err(_) => {}
        }
        outcome
    }

    async fn try_complete(
        &self,
        mfa_token: &Secret,
        factor: Factor<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, MfaError> {
        let token = self.take_token(mfa_token, origin, now).await?;
        let shown = self.factors.shown(token.user_id, factor).await?;
        let tx = self.postgres.transaction("login_mfa").await?;
        let user = users::find_for_update(&tx, token.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &token, now));
        let user = user.ok_or(MfaError::TokenInvalid)?;
        // One session for each token, however many factors are submitted with it. All attempts wait for the same row.
        if sessions::exists(&tx, token.id).await? {
            return Err(MfaError::TokenInvalid);
        }

        if self.factors.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
            // For a known device its own limit counts, as for passwords.
            let counted = Some(user.id).filter(|_| token.device.is_none());
            let failures = self.failures.count(&tx, counted, now).await?;
            self.failures.note_lock(&tx, counted, failures, origin, now).await?;
            tx.commit().await?;
            return Err(MfaError::WrongCode);
        }
        let opening = Opening {
            session_id: token.id,
            device_name: token.device_name.as_deref(),
            device: token.device,
            amr: &AMR,
            second_factor: Some(shown.factor.method().as_str()),
        };
        Ok(self.opener.open(tx, &user, opening, origin, now).await?)
    }

    /// Sends the code that completes a sign-in, if the user has enabled emailed codes.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn email_code(&self, mfa_token: &Secret, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
        let token = MfaToken::open(&self.settings.secrets, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
        let user = users::find(&self.postgres, token.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &token, now));
        self.email_factor
            .send_code_to(&user.ok_or(MfaError::TokenInvalid)?, origin, now)
            .await
    }

    /// Reads a token and counts the attempt: by token, by account (or by its known device), and by client IP.
    async fn take_token(&self, mfa_token: &Secret, origin: &Origin, now: OffsetDateTime) -> Result<MfaToken, MfaError> {
        let token = MfaToken::open(&self.settings.secrets, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
        let by_token = self
            .limiter
            .take("mfa_token", &token.id.to_string(), token::ATTEMPTS, token::LIFE, now)
            .await;
        if !by_token.allowed {
            return Err(MfaError::TokenInvalid);
        }
        let key = match token.device {
            Some(device) => format!("{}:{device}", token.user_id),
            None => token.user_id.to_string(),
        };
        self.limits.take(Window::Mfa, origin.address, Some(&key), now).await?;
        Ok(token)
    }

    /// Whether the conditions at the start of the sign-in still hold.
    fn still_admits(&self, user: &User, token: &MfaToken, now: OffsetDateTime) -> bool {
        user.deleted_at.is_none()
            && token.is_current(user)
            && !lock::keeps_out(user, token.device.is_some(), now)
            && refusal(user, &self.settings).is_none()
    }
}
