//! Adds, confirms and removes an authenticator app, and creates recovery codes.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::mfa::error::MfaError;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::mfa::method::Method;
use crate::accounts::mfa::recovery;
use crate::accounts::mfa::totp::{self, TotpSecret};
use crate::accounts::reauthentication::{Counted, Proof, Reauthentication};
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::factors;
use crate::store::postgres::{Postgres, Transaction};

/// The TOTP secret in three forms. It is shown once.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret in base32, for typing.
    pub secret: Secret,
    /// The `otpauth:` URI.
    pub otpauth_uri: Secret,
    /// The URI as a QR code (SVG).
    pub qr_svg: Secret,
}

/// Adds and removes authenticator apps, and creates recovery codes.
pub struct Authenticators {
    pub(crate) factors: Arc<Factors>,
    pub(crate) postgres: Postgres,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) reauthentication: Arc<Reauthentication>,
}

impl Authenticators {
    /// Starts to add an authenticator app, after a re-authentication. Sign-ins do not require it until it is confirmed, so that a failed scan does
    /// not lock the user out.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn enrol(
        &self,
        by: SessionOf,
        proof: Proof<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Enrolment, MfaError> {
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::Separately, now)
            .await?;
        if factors::find(&self.postgres, by.user_id)
            .await?
            .is_some_and(|totp| totp.confirmed_at.is_some())
        {
            return Err(MfaError::AlreadyEnabled);
        }
        let secret = TotpSecret::generate();
        let (tx, user) = self.reauthentication.hold("mfa_enrol", verified, origin, now).await?;
        let sealed = secret.seal(&self.settings.secrets, user.id);
        if !factors::put(&tx, user.id, &sealed, now).await? {
            return Err(MfaError::AlreadyEnabled);
        }
        AuditRecord::by(user.id, Event::MfaEnrolled, origin)
            .session(by.session_id)
            .with("method", Method::Totp.as_str())
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        let otpauth_uri = secret.uri(&self.settings.mfa.issuer, &user.email);
        Ok(Enrolment {
            secret: secret.base32(),
            qr_svg: totp::qr_svg(&otpauth_uri),
            otpauth_uri,
        })
    }

    /// Confirms an authenticator app with one of its codes, and creates recovery codes.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn confirm(
        &self,
        by: SessionOf,
        code: &Secret,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Vec<Secret>, MfaError> {
        self.factors.limit_signed_in(by.user_id, origin, now).await?;
        let tx = self.postgres.transaction("mfa_confirm").await?;
        let user = self.factors.hold(&tx, by.user_id).await?;
        let begun = factors::find(&tx, user.id).await?.ok_or(MfaError::NotEnabled)?;
        if begun.confirmed_at.is_some() {
            return Err(MfaError::AlreadyEnabled);
        }
        let step = self
            .factors
            .open_totp(user.id, &begun.secret_sealed)
            .and_then(|secret| secret.step(code.expose(), now));
        let Some(step) = step else {
            AuditRecord::to(Some(user.id), Event::MfaFailed, origin)
                .failed()
                .session(by.session_id)
                .with("method", Method::Totp.as_str())
                .with("reason", "unconfirmed")
                .insert(&tx, &self.metrics, now)
                .await?;
            tx.commit().await?;
            return Err(MfaError::WrongCode);
        };
        factors::confirm(&tx, user.id, step, now).await?;
        AuditRecord::by(user.id, Event::MfaConfirmed, origin)
            .session(by.session_id)
            .with("method", Method::Totp.as_str())
            .insert(&tx, &self.metrics, now)
            .await?;
        let codes = self.make_recovery_codes(&tx, by, origin, now).await?;
        let message = Message::MfaAdded {
            method: Method::Totp.as_str().to_owned(),
        };
        self.mail.tell(&tx, &user, message, now).await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Removes the authenticator app, after a re-authentication.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn remove(
        &self,
        by: SessionOf,
        proof: Proof<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), MfaError> {
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::Separately, now)
            .await?;
        let (tx, user) = self.reauthentication.hold("mfa_remove", verified, origin, now).await?;
        if self.factors.status(&tx, &user).await?.totp_confirmed_at.is_none() {
            return Err(MfaError::NotEnabled);
        }
        factors::delete(&tx, user.id).await?;
        if user.mfa_email_enabled_at.is_none() {
            // Recovery codes are useless without a second factor.
            factors::delete_recovery_codes(&tx, user.id).await?;
        }
        AuditRecord::by(user.id, Event::MfaRemoved, origin)
            .session(by.session_id)
            .with("method", Method::Totp.as_str())
            .insert(&tx, &self.metrics, now)
            .await?;
        let message = Message::MfaRemoved {
            method: Method::Totp.as_str().to_owned(),
        };
        self.mail.tell(&tx, &user, message, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Replaces the recovery codes, after a re-authentication.
    ///
    /// # Errors
    /// See [`MfaError`].
    pub async fn renew_recovery_codes(
        &self,
        by: SessionOf,
        proof: Proof<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Vec<Secret>, MfaError> {
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::Separately, now)
            .await?;
        let operation = "recovery_codes_renew";
        let (tx, user) = self.reauthentication.hold(operation, verified, origin, now).await?;
        if !self.factors.status(&tx, &user).await?.is_enabled() {
            return Err(MfaError::NotEnabled);
        }
        let codes = self.make_recovery_codes(&tx, by, origin, now).await?;
        tx.commit().await?;
        Ok(codes)
    }

    async fn make_recovery_codes(
        &self,
        tx: &Transaction,
        by: SessionOf,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Vec<Secret>, MfaError> {
        let codes = recovery::generate();
        let sealed: Vec<_> = codes
            .iter()
            .map(|code| recovery::seal(&self.settings.secrets, by.user_id, code))
            .collect();
        factors::replace_recovery_codes(tx, by.user_id, &sealed, now).await?;
        AuditRecord::by(by.user_id, Event::RecoveryCodesCreated, origin)
            .session(by.session_id)
            .with("codes", codes.len())
            .insert(tx, &self.metrics, now)
            .await?;
        Ok(codes)
    }
}
