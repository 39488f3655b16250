//! `/auth/login/mfa` and `/auth/mfa`: the second factor at sign-in, and its administration by the user.

pub(super) mod email;
pub(super) mod login;
pub(super) mod status;
pub(super) mod totp;
pub(super) mod verify;

use serde::Deserialize;

use super::Problem;
use super::problem::Code;
use crate::accounts::{Factor, Method, MfaError, Proof, ReauthenticationError};
use crate::gate::denial::Denial;
use crate::secret::Secret;

/// A second factor: exactly one of the three fields.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondFactor {
    /// The current code of the authenticator app.
    #[serde(default)]
    totp: Option<String>,
    /// A recovery code. It works once.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code sent by email.
    #[serde(default)]
    email_code: Option<String>,
}

/// The current password, and for an account with a second factor one of the three fields.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reauthentication {
    password: String,
    /// The current code of the authenticator app.
    #[serde(default)]
    totp: Option<String>,
    /// A recovery code. It works once.
    #[serde(default)]
    recovery_code: Option<String>,
    /// The code sent by email. Not accepted if the account has an authenticator app.
    #[serde(default)]
    email_code: Option<String>,
}

impl Reauthentication {
    pub(super) fn proof(self) -> Result<TypedProof, Problem> {
        TypedProof::read(self.password, self.totp, self.recovery_code, self.email_code)
    }
}

/// The current password and the second factor, if there is one, in a body.
pub(super) struct TypedProof {
    password: Secret,
    factor: Option<Typed>,
}

impl TypedProof {
    pub(super) fn read(
        password: String,
        totp: Option<String>,
        recovery_code: Option<String>,
        email_code: Option<String>,
    ) -> Result<Self, Problem> {
        let factor = if totp.is_none() && recovery_code.is_none() && email_code.is_none() {
            None
        } else {
            Some(Typed::read(totp, recovery_code, email_code)?)
        };
        Ok(Self {
            password: Secret::new(password),
            factor,
        })
    }

    pub(super) fn as_proof(&self) -> Proof<'_> {
        Proof {
            password: &self.password,
            factor: self.factor.as_ref().map(Typed::factor),
        }
    }
}

/// The one second factor in a body.
struct Typed {
    method: Method,
    text: Secret,
}

impl Typed {
    fn read(totp: Option<String>, recovery_code: Option<String>, email_code: Option<String>) -> Result<Self, Problem> {
        let given = [
            (Method::Totp, totp),
            (Method::RecoveryCode, recovery_code),
            (Method::EmailCode, email_code),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(method, text)| text.map(|text| (method, Secret::new(text))));
        match (given.next(), given.next()) {
            (Some((method, text)), None) => Ok(Self { method, text }),
            (None, _) => Err(Problem::field(
                "totp",
                "missing",
                &"expected one of totp, recovery_code and email_code",
            )),
            (Some(_), Some((second, _))) => Err(Problem::field(
                second.as_str(),
                "not_accepted",
                &"expected only one of totp, recovery_code and email_code",
            )),
        }
    }

    const fn factor(&self) -> Factor<'_> {
        match self.method {
            Method::Totp => Factor::Totp(&self.text),
            Method::RecoveryCode => Factor::RecoveryCode(&self.text),
            Method::EmailCode => Factor::EmailCode(&self.text),
        }
    }
}

impl From<ReauthenticationError> for Problem {
    fn from(error: ReauthenticationError) -> Self {
        MfaError::from(error).into()
    }
}

impl From<MfaError> for Problem {
    fn from(error: MfaError) -> Self {
        Self::new(match error {
            MfaError::TokenInvalid => Code::MfaTokenInvalid,
            MfaError::WrongCode => Code::MfaCodeRefused,
            MfaError::WrongPassword => Code::PasswordWrong,
            MfaError::FactorRequired => Code::SecondFactorRequired,
            // After account or session ended, the token is accepted until the revocation has arrived.
            MfaError::NotFound | MfaError::SessionEnded => return Denial::Revoked.into(),
            MfaError::NotEnabled => Code::MfaNotEnabled,
            MfaError::AlreadyEnabled => Code::MfaAlreadyEnabled,
            MfaError::EmailUnverified => Code::EmailUnverified,
            MfaError::NoMail => Code::MailNotConfigured,
            MfaError::RateLimited { retry_after } => return Self::rate_limited(retry_after),
            MfaError::Failure(failure) => return failure.into(),
        })
    }
}
