//! The table `users`.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record, Transaction};
use super::{StoreError, sql};

/// The unique index that allows one account per email address.
pub const EMAIL_IS_TAKEN: &str = "users_email_is_taken";
/// The unique index that allows one account per username.
pub const USERNAME_IS_TAKEN: &str = "users_username_is_taken";

/// An account. A deleted one has `deleted_at`, and only the finders by id return it.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Its key, and the claim `sub`.
    pub id: Uuid,
    /// The email address, in canonical form.
    pub email: String,
    /// The username, to sign in with; never contains an `@`.
    pub username: Option<String>,
    /// The hash of the password; without one a sign-in with a password is not possible.
    pub password_hash: Option<String>,
    /// The claim `roles`.
    pub roles: Vec<String>,
    /// The claim `permissions`.
    pub permissions: Vec<String>,
    /// The profile, which users edit themselves.
    pub profile: Map<String, Value>,
    /// The claim `ver` of access tokens: tokens with a lower one are outdated.
    pub token_version: i32,
    /// When the email address was verified.
    pub email_verified_at: Option<OffsetDateTime>,
    /// The number of failed sign-ins since the last success, lock or quiet period.
    pub failed_login_count: i32,
    /// The time of the last failed sign-in.
    pub last_failed_login_at: Option<OffsetDateTime>,
    /// The number of consecutive locks, each twice as long as the one before.
    pub lockout_count: i32,
    /// The end of the lock.
    pub locked_until: Option<OffsetDateTime>,
    /// The cause of the lock; `Some` if `locked_until` is.
    pub locked_by: Option<LockedBy>,
    /// When the password was last set. A replaced hash of the same password does not change it.
    pub password_changed_at: Option<OffsetDateTime>,
    /// The time of the last sign-in.
    pub last_login_at: Option<OffsetDateTime>,
    /// When the account was created.
    pub created_at: OffsetDateTime,
    /// When the row last changed, by the server's clock.
    pub updated_at: OffsetDateTime,
    /// When the account was deleted.
    pub deleted_at: Option<OffsetDateTime>,
    /// When an operator required a password change at the next sign-in.
    pub password_reset_required_at: Option<OffsetDateTime>,
    /// When the user enabled emailed codes as a second factor.
    pub mfa_email_enabled_at: Option<OffsetDateTime>,
}

/// The cause of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockedBy {
    /// Too many wrong passwords. Does not apply to a known device, and ends with a password reset.
    FailedLogins,
    /// An operator. Only an operator, or its end, lifts it.
    Operator,
}

impl LockedBy {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "failed_logins" => Some(Self::FailedLogins),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }
}

impl User {
    /// Whether the password is still the one of a copy that was read earlier. Its hash may differ: a concurrent sign-in
    /// replaces an outdated one, and everybody who has just verified the same password is still right.
    pub fn has_same_password_as(&self, earlier: &Self) -> bool {
        self.password_hash.is_some() && self.password_changed_at == earlier.password_changed_at
    }

    /// Whether sign-ins are refused at `now`.
    pub fn is_locked(&self, now: OffsetDateTime) -> bool {
        self.locked_until.is_some_and(|until| until > now)
    }
}

/// Without the hash and personal data, so that they do not get into a log by `{:?}`.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromRecord for User {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            email: record.get("email")?,
            username: record.get("username")?,
            password_hash: record.get("password_hash")?,
            roles: record.json("roles")?,
            permissions: record.json("permissions")?,
            profile: record.json("profile")?,
            token_version: record.get("token_version")?,
            email_verified_at: record.get("email_verified_at")?,
            failed_login_count: record.get("failed_login_count")?,
            last_failed_login_at: record.get("last_failed_login_at")?,
            lockout_count: record.get("lockout_count")?,
            locked_until: record.get("locked_until")?,
            locked_by: record.optional_named("locked_by", LockedBy::parse)?,
            password_changed_at: record.get("password_changed_at")?,
            last_login_at: record.get("last_login_at")?,
            created_at: record.get("created_at")?,
            updated_at: record.get("updated_at")?,
            deleted_at: record.get("deleted_at")?,
            password_reset_required_at: record.get("password_reset_required_at")?,
            mfa_email_enabled_at: record.get("mfa_email_enabled_at")?,
        })
    }
}

/// A new account.
#[derive(Clone)]
pub struct NewUser<'a> {
    /// From [`super::id::new`].
    pub id: Uuid,
    /// The email address, in canonical form.
    pub email: &'a str,
    /// The username.
    pub username: Option<&'a str>,
    /// The password's hash.
    pub password_hash: Option<&'a str>,
    /// The claim `roles`.
    pub roles: &'a [String],
    /// The claim `permissions`.
    pub permissions: &'a [String],
    /// The profile, which users edit themselves.
    pub profile: &'a Map<String, Value>,
    /// When the email address was verified, if it is.
    pub email_verified_at: Option<OffsetDateTime>,
}

/// Creates an account; fails with [`EMAIL_IS_TAKEN`] or [`USERNAME_IS_TAKEN`].
pub async fn create(db: &impl Executor, user: &NewUser<'_>, now: OffsetDateTime) -> Result<User, StoreError> {
    db.one(
        &sql::USER_CREATE,
        &[
            &user.id,
            &user.email,
            &user.username,
            &user.password_hash,
            &Json(user.roles),
            &Json(user.permissions),
            &Json(user.profile),
            &user.email_verified_at,
            &now,
        ],
    )
    .await
}

/// Registers an account; `None` if the email address is taken, an error with [`USERNAME_IS_TAKEN`] if the username is.
/// A registration cannot contain permissions.
pub async fn register(db: &impl Executor, user: &NewUser<'_>, now: OffsetDateTime) -> Result<Option<User>, StoreError> {
    db.optional(
        &sql::USER_REGISTER,
        &[
            &user.id,
            &user.email,
            &user.username,
            &user.password_hash,
            &Json(user.roles),
            &Json(user.profile),
            &user.email_verified_at,
            &now,
        ],
    )
    .await
}

/// Finds an account by its id, also a deleted one.
pub async fn find(db: &impl Executor, id: Uuid) -> Result<Option<User>, StoreError> {
    db.optional(&sql::USER_FIND, &[&id]).await
}

/// Finds an account by its id, also a deleted one, and locks its row until the transaction ends. Whatever opens or ends
/// sessions of a user locks it first; see the query.
pub async fn find_for_update(tx: &Transaction, id: Uuid) -> Result<Option<User>, StoreError> {
    tx.optional(&sql::USER_FIND_FOR_UPDATE, &[&id]).await
}

/// Finds the account of an email address in its canonical form.
pub async fn find_by_email(db: &impl Executor, email: &str) -> Result<Option<User>, StoreError> {
    db.optional(&sql::USER_FIND_BY_EMAIL, &[&email]).await
}

/// Finds the account of a username in its canonical form.
pub async fn find_by_username(db: &impl Executor, username: &str) -> Result<Option<User>, StoreError> {
    db.optional(&sql::USER_FIND_BY_USERNAME, &[&username]).await
}

/// When failed sign-ins lock an account, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Lockout {
    /// The number of failures within `window` after which the account is locked.
    pub attempts: i32,
    /// The time after which a failure no longer counts.
    pub window: std::time::Duration,
    /// The duration of the first lock; each consecutive one is twice as long.
    pub duration: std::time::Duration,
    /// The maximum duration of a lock.
    pub max: std::time::Duration,
}

/// The result of a failed sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedLogin {
    /// The number of failures now.
    pub failures: i32,
    /// The end of the lock, old or new.
    pub locked_until: Option<OffsetDateTime>,
    /// Whether this failure locked the account.
    pub locked_now: bool,
}

impl FromRecord for FailedLogin {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            failures: record.get("failures")?,
            locked_until: record.get("locked_until")?,
            locked_now: record.get("locked_now")?,
        })
    }
}

/// Counts a failed sign-in. `None` if there is no such account or it is locked already: then nothing is counted.
pub async fn record_failed_login(
    db: &impl Executor,
    id: Uuid,
    lockout: &Lockout,
    now: OffsetDateTime,
) -> Result<Option<FailedLogin>, StoreError> {
    let (window, duration, max) = (
        lockout.window.as_secs_f64(),
        lockout.duration.as_secs_f64(),
        lockout.max.as_secs_f64(),
    );
    db.optional(
        &sql::USER_RECORD_FAILED_LOGIN,
        &[&id, &now, &lockout.attempts, &window, &duration, &max],
    )
    .await
}

/// Enables (since a time) or disables emailed codes as a second factor.
pub async fn set_mfa_email(
    db: &impl Executor,
    id: Uuid,
    enabled_at: Option<OffsetDateTime>,
) -> Result<bool, StoreError> {
    db.touched(&sql::USER_SET_MFA_EMAIL, &[&id, &enabled_at]).await
}

/// Replaces username and profile; `None` if there is no such account, as in all functions below.
pub async fn set_profile(
    db: &impl Executor,
    id: Uuid,
    username: Option<&str>,
    profile: &Map<String, Value>,
) -> Result<Option<User>, StoreError> {
    let user = db
        .optional(&sql::USER_SET_PROFILE, &[&id, &username, &Json(profile)])
        .await?;
    db.user_changed(id).await;
    Ok(user)
}

/// Sets a password chosen by an operator, outdates the access tokens, and lifts a lock by failed sign-ins. The caller
/// ends the sessions. Returns the new `token_version`; `None` if there is no such account, as in all functions that
/// return one.
pub async fn set_password(
    db: &impl Executor,
    id: Uuid,
    hash: &str,
    now: OffsetDateTime,
) -> Result<Option<i32>, StoreError> {
    version(db.optional(&sql::USER_SET_PASSWORD, &[&id, &hash, &now]).await)
}

/// Sets a password chosen by the signed-in user. The caller has locked the row and compared the previous password, and
/// ends the other sessions.
pub async fn change_password(tx: &Transaction, id: Uuid, hash: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
    tx.touched(&sql::USER_CHANGE_PASSWORD, &[&id, &hash, &now]).await
}

/// Sets the password of a user who followed an emailed link, outdates the access tokens, and lifts a lock by failed
/// sign-ins. The caller ends the sessions.
pub async fn reset_password(
    db: &impl Executor,
    id: Uuid,
    hash: &str,
    now: OffsetDateTime,
) -> Result<Option<i32>, StoreError> {
    let done = db.optional(&sql::USER_RESET_PASSWORD, &[&id, &hash, &now]).await;
    // The email address is verified from now on.
    db.user_changed(id).await;
    version(done)
}

/// Replaces the hash of an unchanged password, if `verified` is still the hash.
pub async fn rehash_password(db: &impl Executor, id: Uuid, verified: &str, hash: &str) -> Result<bool, StoreError> {
    db.touched(&sql::USER_REHASH_PASSWORD, &[&id, &verified, &hash]).await
}

/// Changes the email address.
pub async fn set_email(
    db: &impl Executor,
    id: Uuid,
    email: &str,
    verified_at: Option<OffsetDateTime>,
) -> Result<Option<User>, StoreError> {
    let user = db.optional(&sql::USER_SET_EMAIL, &[&id, &email, &verified_at]).await?;
    db.user_changed(id).await;
    Ok(user)
}

/// Marks the email address as verified, if `email` is still current.
pub async fn set_email_verified(
    db: &impl Executor,
    id: Uuid,
    email: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = db.touched(&sql::USER_SET_EMAIL_VERIFIED, &[&id, &email, &now]).await?;
    db.user_changed(id).await;
    Ok(done)
}

/// Deletes an account: the row is kept, its email address and username become free, and its access tokens outdated. The
/// caller ends the sessions.
pub async fn soft_delete(db: &impl Executor, id: Uuid, now: OffsetDateTime) -> Result<Option<i32>, StoreError> {
    let done = db.optional(&sql::USER_SOFT_DELETE, &[&id, &now]).await;
    db.user_changed(id).await;
    version(done)
}

/// Restores a deleted account; fails with [`EMAIL_IS_TAKEN`] or [`USERNAME_IS_TAKEN`] if another account has the name.
pub async fn restore(db: &impl Executor, id: Uuid) -> Result<Option<User>, StoreError> {
    let user = db.optional(&sql::USER_RESTORE, &[&id]).await?;
    db.user_changed(id).await;
    Ok(user)
}

/// Replaces the roles and outdates the access tokens.
pub async fn set_roles(db: &impl Executor, id: Uuid, roles: &[String]) -> Result<Option<User>, StoreError> {
    let user = db.optional(&sql::USER_SET_ROLES, &[&id, &Json(roles)]).await?;
    db.user_changed(id).await;
    Ok(user)
}

/// Replaces the permissions and outdates the access tokens.
pub async fn set_permissions(db: &impl Executor, id: Uuid, permissions: &[String]) -> Result<Option<User>, StoreError> {
    let user = db
        .optional(&sql::USER_SET_PERMISSIONS, &[&id, &Json(permissions)])
        .await?;
    db.user_changed(id).await;
    Ok(user)
}

/// Outdates every access token of a user, and locks their row until the transaction ends.
pub async fn outdate(tx: &Transaction, id: Uuid) -> Result<Option<i32>, StoreError> {
    version(tx.optional(&sql::USER_OUTDATE, &[&id]).await)
}

/// Outdates every access token of many users, and locks their rows until the transaction ends. Returns the users with
/// their new `token_version`.
pub async fn outdate_many(tx: &Transaction, ids: &[Uuid]) -> Result<Vec<(Uuid, i32)>, StoreError> {
    let outdated: Vec<Outdated> = tx.many(&sql::USER_OUTDATE_MANY, &[&ids]).await?;
    Ok(outdated
        .into_iter()
        .map(|Outdated(id, version)| (id, version))
        .collect())
}

struct Outdated(Uuid, i32);

impl FromRecord for Outdated {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self(record.get("user_id")?, record.get("token_version")?))
    }
}

/// Locks an account until a time, or (`None`) until an operator unlocks it, and outdates the access tokens. The caller
/// ends the sessions.
pub async fn lock(db: &impl Executor, id: Uuid, until: Option<OffsetDateTime>) -> Result<Option<i32>, StoreError> {
    version(db.optional(&sql::USER_LOCK, &[&id, &until]).await)
}

/// Lifts a lock, also an operator's.
pub async fn unlock(db: &impl Executor, id: Uuid) -> Result<bool, StoreError> {
    db.touched(&sql::USER_UNLOCK, &[&id]).await
}

/// Requires a password change at the next sign-in, and outdates the access tokens. The caller ends the sessions.
pub async fn require_password_reset(
    db: &impl Executor,
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<i32>, StoreError> {
    version(db.optional(&sql::USER_REQUIRE_PASSWORD_RESET, &[&id, &now]).await)
}

struct Version(i32);

impl FromRecord for Version {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("token_version").map(Self)
    }
}

fn version(found: Result<Option<Version>, StoreError>) -> Result<Option<i32>, StoreError> {
    Ok(found?.map(|Version(version)| version))
}
