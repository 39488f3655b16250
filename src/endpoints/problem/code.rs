//! Every refusal of the API by its stable word, its status and its sentence. One table: the description of the API and the
//! documentation are made from it.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $status:ident $word:literal $title:literal,)*) => {
        /// Why a request to the API is refused. What the gate refuses has the gate's own words (`Denial`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)*
                }
            }

            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The sentence for people.
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
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The endpoint does not know this method.",
    BodyTooLarge = PAYLOAD_TOO_LARGE "body_too_large" "The body is larger than 64 KiB.",
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body is not of the type that this endpoint reads, or is compressed.",
    ValidationFailed = UNPROCESSABLE_ENTITY "validation_failed" "The request has fields that are not accepted.",
    InvalidRequest = BAD_REQUEST "invalid_request" "A parameter is missing, empty, or there twice.",
    // Everywhere
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many attempts; try again later.",
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "Too many people are signing in; try again in a moment.",
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "Accounts are out of service for the moment.",
    Internal = INTERNAL_SERVER_ERROR "internal" "Something went wrong on our side.",
    // Accounts
    RegistrationClosed = FORBIDDEN "registration_closed" "Accounts are created by an operator here.",
    InvitationRequired = FORBIDDEN "invitation_required" "Only those who were invited register here.",
    InvitationInvalid = FORBIDDEN "invitation_invalid" "The invitation is not valid for this address: it was used, has expired, was taken back, or is for another.",
    EmailTaken = CONFLICT "email_taken" "There is an account with this address already.",
    UsernameTaken = CONFLICT "username_taken" "Somebody else has this username.",
    PasswordWrong = FORBIDDEN "bad_credentials" "The password is wrong.",
    // Letters
    MailNotConfigured = NOT_FOUND "mail_not_configured" "This installation sends no mail.",
    EmailCodeInvalid = BAD_REQUEST "email_code_invalid" "The code is wrong or no longer valid.",
    ResetTokenInvalid = BAD_REQUEST "reset_token_invalid" "The link is no longer valid; ask for a new one.",
    // Administration
    PermissionDenied = FORBIDDEN "permission_denied" "This needs a permission that your token does not have.",
    AdminRequired = FORBIDDEN "admin_required" "This needs the permission sidegate:admin.",
    OwnAccount = CONFLICT "own_account" "An administrator does not do this to their own account.",
    UserNotFound = NOT_FOUND "user_not_found" "There is no such account.",
    InvitationNotFound = NOT_FOUND "invitation_not_found" "There is no such open invitation.",
    NotDeleted = CONFLICT "not_deleted" "The account is not deleted.",
    // Services that were given a token
    InvalidClient = UNAUTHORIZED "invalid_client" "The client did not prove who it is.",
    // Sessions
    BadCredentials = UNAUTHORIZED "bad_credentials" "The name or the password is wrong.",
    EmailUnverified = FORBIDDEN "email_unverified" "The email address has to be verified first.",
    PasswordResetRequired = FORBIDDEN "password_reset_required" "The password has to be replaced first; ask for a link.",
    SessionNotFound = NOT_FOUND "session_not_found" "There is no such open session of yours.",
    RefreshUnknown = UNAUTHORIZED "refresh_unknown" "This is no refresh token; sign in again.",
    RefreshExpired = UNAUTHORIZED "refresh_expired" "The session has expired; sign in again.",
    RefreshRevoked = UNAUTHORIZED "refresh_revoked" "The session has ended; sign in again.",
    RefreshReused = UNAUTHORIZED "refresh_reused" "This refresh token was used before; the session has been ended. Sign in again.",
    // Second factors
    MfaTokenInvalid = UNAUTHORIZED "mfa_token_invalid" "This sign-in took too long or was tried too often; sign in again.",
    MfaCodeWrong = UNAUTHORIZED "mfa_code_wrong" "The code is wrong or was used before.",
    MfaCodeRefused = FORBIDDEN "mfa_code_wrong" "The code is wrong or was used before.",
    MfaNotEnabled = CONFLICT "mfa_not_enabled" "The account has no such second factor.",
    MfaAlreadyEnabled = CONFLICT "mfa_already_enabled" "The account has an authenticator already; remove it first.",
}
