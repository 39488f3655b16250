//! Every refusal of the API: its stable code, its status and its sentence. The OpenAPI document and `docs/problems.md`
//! are generated from this table.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $status:ident $word:literal $title:literal,)*) => {
        /// Why a request to the API is refused. Refusals by the gate have the gate's codes (`Denial`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)*
                }
            }

            /// The stable code, as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The sentence for users.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }
        }
    };
}

codes! {
    // Reading the request
    JsonMalformed = BAD_REQUEST "json_malformed" "The body is not valid JSON.",
    NotFound = NOT_FOUND "not_found" "There is no such endpoint.",
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The endpoint does not support this method.",
    BodyTooLarge = PAYLOAD_TOO_LARGE "body_too_large" "The body is larger than 64 KiB.",
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body has a media type that this endpoint does not accept, or is compressed.",
    ValidationFailed = UNPROCESSABLE_ENTITY "validation_failed" "Some fields are not valid; see errors.",
    InvalidRequest = BAD_REQUEST "invalid_request" "A parameter is missing, empty, or repeated.",
    // Everywhere
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many attempts; try again later.",
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "Too many sign-ins are in progress; try again in a moment.",
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "The accounts service is temporarily unavailable.",
    Internal = INTERNAL_SERVER_ERROR "internal" "An internal error occurred.",
    // Accounts
    RegistrationClosed = FORBIDDEN "registration_closed" "Registration is closed; an operator creates accounts.",
    InvitationRequired = FORBIDDEN "invitation_required" "Registration requires an invitation.",
    InvitationInvalid = FORBIDDEN "invitation_invalid" "The invitation is not valid for this email address: it was used, expired, withdrawn, or is for another one.",
    EmailTaken = CONFLICT "email_taken" "An account with this email address exists already.",
    UsernameTaken = CONFLICT "username_taken" "The username is taken.",
    PasswordWrong = FORBIDDEN "bad_credentials" "The password is wrong.",
    SecondFactorRequired = FORBIDDEN "second_factor_required" "This also requires the strongest second factor of the account: a code of the authenticator app, or without an app an emailed code; or a recovery code.",
    // Email
    MailNotConfigured = NOT_FOUND "mail_not_configured" "This server is not configured to send email.",
    EmailCodeInvalid = BAD_REQUEST "email_code_invalid" "The code is wrong or no longer valid.",
    ResetTokenInvalid = BAD_REQUEST "reset_token_invalid" "The link is no longer valid; request a new one.",
    // Administration
    PermissionDenied = FORBIDDEN "permission_denied" "Your access token does not have the required permission.",
    AdminRequired = FORBIDDEN "admin_required" "This requires the permission sidegate:admin.",
    OwnAccount = CONFLICT "own_account" "Operators cannot do this to their own account.",
    UserNotFound = NOT_FOUND "user_not_found" "There is no such account.",
    InvitationNotFound = NOT_FOUND "invitation_not_found" "There is no such open invitation.",
    NotDeleted = CONFLICT "not_deleted" "The account is not deleted.",
    // Services
    InvalidClient = UNAUTHORIZED "invalid_client" "Client authentication failed.",
    // Sessions
    BadCredentials = UNAUTHORIZED "bad_credentials" "The email address, the username or the password is wrong.",
    EmailUnverified = FORBIDDEN "email_unverified" "The email address has to be verified first.",
    PasswordResetRequired = FORBIDDEN "password_reset_required" "The password has to be changed first; request a password reset.",
    SessionNotFound = NOT_FOUND "session_not_found" "You have no such active session.",
    RefreshUnknown = UNAUTHORIZED "refresh_unknown" "The refresh token is not valid; sign in again.",
    RefreshExpired = UNAUTHORIZED "refresh_expired" "The session has expired; sign in again.",
    RefreshRevoked = UNAUTHORIZED "refresh_revoked" "The session has ended; sign in again.",
    RefreshReused = UNAUTHORIZED "refresh_reused" "The refresh token was used before, and the session was ended; sign in again.",
    // Second factors
    MfaTokenInvalid = UNAUTHORIZED "mfa_token_invalid" "The MFA token has expired, was used or was tried too often; sign in again.",
    MfaCodeInvalid = UNAUTHORIZED "mfa_code_invalid" "The code is wrong or was used before.",
    MfaCodeRefused = FORBIDDEN "mfa_code_invalid" "The code is wrong or was used before.",
    MfaNotEnabled = CONFLICT "mfa_not_enabled" "This second factor is not enabled for the account.",
    MfaAlreadyEnabled = CONFLICT "mfa_already_enabled" "The account has an authenticator app already; remove it first.",
}
