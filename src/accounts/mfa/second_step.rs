//! The second step of a sign-in.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::codes;
use crate::accounts::email::codes::Purpose;
use crate::accounts::login::limits::Window;
use crate::accounts::login::lock;
use crate::accounts::mfa::factors::{AMR, Challenge, Factor, Method, MfaError, Verdict};
use crate::accounts::mfa::token;
use crate::accounts::mfa::token::MfaToken;
use crate::accounts::sessions::open::Opening;
use crate::accounts::{Accounts, Origin, SignedIn};
use crate::mail::{Letter, Recipient};
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
        let token = MfaToken::new(user, device_name, device, now);
        Challenge {
            mfa_token: token.seal(&self.settings.secret),
            methods,
            expires_in: token::LIFE,
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
        let token = self.take_token(mfa_token, origin, now).await?;
        let shown = self.shown(token.user_id, factor).await?;
        let tx = self.postgres.transaction("login_mfa").await?;
        let user = users::find_for_update(&tx, token.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &token, now));
        let user = user.ok_or(MfaError::TokenInvalid)?;

        if self.spend(&tx, &user, shown, origin, now).await? != Verdict::Right {
            // Of a known device its own allowance counts, as it does for passwords.
            let counted = Some(user.id).filter(|_| token.device.is_none());
            let failures = self.count_failure(&tx, counted, now).await?;
            self.note_lock(&tx, counted, failures, origin, now).await?;
            tx.commit().await?;
            return Err(MfaError::WrongCode);
        }
        let opening = Opening {
            device_name: token.device_name.as_deref(),
            device: token.device,
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
        let token = MfaToken::open(&self.settings.secret, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
        let user = users::find(&self.postgres, token.user_id).await?;
        let user = user.filter(|user| self.still_admits(user, &token, now));
        self.mail_code(&user.ok_or(MfaError::TokenInvalid)?, origin, now).await
    }

    /// Makes a code and queues its letter.
    pub(crate) async fn mail_code(&self, user: &User, origin: &Origin, now: OffsetDateTime) -> Result<(), MfaError> {
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
    async fn take_token(&self, mfa_token: &Secret, origin: &Origin, now: OffsetDateTime) -> Result<MfaToken, MfaError> {
        let token = MfaToken::open(&self.settings.secret, mfa_token, now).ok_or(MfaError::TokenInvalid)?;
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
        self.limit(Window::Mfa, origin.address, Some(&key), now).await?;
        Ok(token)
    }

    /// Whether what let this sign-in begin is still so.
    fn still_admits(&self, user: &User, token: &MfaToken, now: OffsetDateTime) -> bool {
        user.deleted_at.is_none()
            && token.is_of_password(user)
            && !lock::keeps_out(user, token.device.is_some(), &self.settings.lockout, now)
            && self.refusal(user).is_none()
    }
}
