//! Changes and deletion of an account by its owner.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::names::{self, NameError};
use crate::accounts::error::Failure;
use crate::accounts::reauthentication::error::ReauthenticationError;
use crate::accounts::reauthentication::{Counted, Proof, Reauthentication};
use crate::accounts::sessions::access::SessionOf;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::tokens;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::users::{self, User};
use crate::visible::{is_hidden, is_misleading};

/// The largest profile, in bytes: it is for names and the URL of a picture, not for files.
const PROFILE_MAX_BYTES: usize = 8 * 1024;

/// Members that users can edit although they are copied to claims (`OpenID` Connect Core section 5.1).
pub const SELF_DESCRIBED: [&str; 12] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// Changes of an account by its owner. `None` means unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Another username, or (`Some(None)`) none.
    pub username: Option<Option<&'a str>>,
    /// Members of the profile to set, or to remove with `null`: a merge patch (RFC 7396), one level deep.
    pub profile: Option<&'a Map<String, Value>>,
}

/// Why a profile was not accepted, or an account not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The account does not exist any more.
    #[error("there is no such account")]
    NotFound,
    /// The re-authentication failed.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationError),
    /// The username is not valid.
    #[error(transparent)]
    Username(NameError),
    /// Another account has the username.
    #[error("the username is taken by another account")]
    UsernameTaken,
    /// The profile is too large.
    #[error("a profile has at most {PROFILE_MAX_BYTES} bytes")]
    TooLarge,
    /// A text contains a control character, or an invisible one that misleads.
    #[error("the profile contains a control or invisible character")]
    ControlCharacter,
    /// The member is copied to a claim that applications decide by, so only an operator can set it.
    #[error("`{0}` is set by an operator")]
    ReadOnly(String),
    /// A failure that is not the caller's fault.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ProfileError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Changes and deletes the account of the signed-in user.
pub struct Profiles {
    pub(crate) settings: Arc<Settings>,
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) reauthentication: Arc<Reauthentication>,
    pub(crate) sessions: Arc<Sessions>,
}

impl Profiles {
    /// Changes the account of a signed-in user.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub async fn change(
        &self,
        user_id: Uuid,
        change: Change<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<User, ProfileError> {
        let username = match change.username {
            Some(Some(name)) => Some(Some(names::username(name).map_err(ProfileError::Username)?)),
            Some(None) => Some(None),
            None => None,
        };
        if let Some(profile) = change.profile {
            check_own(profile, &self.settings.access_token.profile_claims)?;
        }

        let tx = self.postgres.transaction("profile_change").await?;
        let user = users::find_for_update(&tx, user_id)
            .await?
            .filter(|user| user.deleted_at.is_none());
        let user = user.ok_or(ProfileError::NotFound)?;
        let merged = merge(user.profile, change.profile);
        check_size(&merged)?;
        let username = username.unwrap_or(user.username);
        let changed = match users::set_profile(&tx, user_id, username.as_deref(), &merged).await {
            Err(error) if error.is_constraint(users::USERNAME_IS_TAKEN) => return Err(ProfileError::UsernameTaken),
            changed => changed?.ok_or(ProfileError::NotFound)?,
        };
        let names = change
            .profile
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect::<Vec<_>>();
        AuditRecord::by(user_id, Event::ProfileChanged, origin)
            .with("members", names)
            .with("username", change.username.is_some())
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Deletes the account of a signed-in user and ends its sessions, after a re-authentication: a stolen token must not
    /// be enough for what the owner cannot undo.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub async fn delete(
        &self,
        by: SessionOf,
        proof: Proof<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), ProfileError> {
        let verified = self
            .reauthentication
            .verify_password(by, proof, Counted::WithSignIns, now)
            .await?;
        let (tx, user) = self.reauthentication.hold("user_delete", verified, origin, now).await?;
        let user_id = user.id;
        let version = users::soft_delete(&tx, user_id, now).await?;
        let version = version.ok_or(ProfileError::NotFound)?;
        let entries = self
            .sessions
            .end_all(&tx, user_id, version, "account_deleted", now)
            .await?;
        AuditRecord::by(user_id, Event::UserDeleted, origin)
            .session(by.session_id)
            .insert(&tx, &self.metrics, now)
            .await?;
        tx.commit().await?;
        self.sessions
            .publish(&entries, entries.len() - 1, "account_deleted")
            .await;
        Ok(())
    }
}

/// Checks which members users can edit: all except those that applications decide by.
pub(crate) fn check_own(profile: &Map<String, Value>, claims: &[String]) -> Result<(), ProfileError> {
    let own: HashSet<&str> = SELF_DESCRIBED.into_iter().collect();
    let decided = |name: &&String| claims.contains(name) && !own.contains(name.as_str());
    if let Some(name) = profile.keys().find(decided) {
        return Err(ProfileError::ReadOnly(name.clone()));
    }
    check_any(profile)
}

/// Checks the content of a profile, for users and operators.
pub(crate) fn check_any(profile: &Map<String, Value>) -> Result<(), ProfileError> {
    if let Some(name) = profile.keys().find(|name| tokens::RESERVED.contains(&name.as_str())) {
        return Err(ProfileError::ReadOnly(name.clone()));
    }
    // PostgreSQL's JSON has no NUL, and terminals interpret the others. The name of a member may have nothing invisible
    // at all: two of them would look the same.
    if profile
        .iter()
        .any(|(name, value)| name.chars().any(is_hidden) || holds_unclean(value))
    {
        return Err(ProfileError::ControlCharacter);
    }
    check_size(profile)
}

pub(crate) fn check_size(profile: &Map<String, Value>) -> Result<(), ProfileError> {
    let size = serde_json::to_string(profile).map_or(usize::MAX, |text| text.len());
    if size > PROFILE_MAX_BYTES {
        Err(ProfileError::TooLarge)
    } else {
        Ok(())
    }
}

fn is_unclean(text: &str) -> bool {
    text.chars().any(|c| is_misleading(c) && c != '\n')
}

fn holds_unclean(value: &Value) -> bool {
    match value {
        Value::String(text) => is_unclean(text),
        Value::Array(values) => values.iter().any(holds_unclean),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.chars().any(is_hidden) || holds_unclean(value)),
        _ => false,
    }
}

pub(crate) fn merge(mut profile: Map<String, Value>, patch: Option<&Map<String, Value>>) -> Map<String, Value> {
    for (name, value) in patch.into_iter().flatten() {
        if value.is_null() {
            profile.remove(name);
        } else {
            profile.insert(name.clone(), value.clone());
        }
    }
    profile
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else {
            panic!("not an object")
        };
        members
    }

    #[test]
    fn a_patch_sets_removes_and_leaves() {
        let merged = merge(
            object(json!({"a": 1, "b": 2, "c": 3})),
            Some(&object(json!({"a": 9, "b": null, "d": 4}))),
        );
        assert_eq!(Value::Object(merged), json!({"a": 9, "c": 3, "d": 4}));
    }

    #[test]
    fn a_person_does_not_set_what_others_decide_by() {
        let claims = ["tenant_id".to_owned(), "name".to_owned()];
        let checked = |profile| check_own(&object(profile), &claims);
        assert!(checked(json!({"name": "Alice", "team": "red"})).is_ok());
        for wrong in [
            json!({"tenant_id": "other"}),
            json!({"roles": ["admin"]}),
            json!({"sub": "x"}),
        ] {
            assert!(
                matches!(checked(wrong.clone()), Err(ProfileError::ReadOnly(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_profile_is_small_and_printable() {
        assert!(matches!(
            check_own(&object(json!({"a": "x".repeat(9000)})), &[]),
            Err(ProfileError::TooLarge)
        ));
        for wrong in [
            json!({"a": "\u{0}"}),
            json!({"a": [{"b": "\u{1b}[2J"}]}),
            json!({"\u{0}": 1}),
            json!({"na\u{200b}me": "x"}),
            json!({"a": {"b\u{200d}": 1}}),
            json!({"name": "\u{202e}nimda"}),
        ] {
            assert!(matches!(
                check_own(&object(wrong), &[]),
                Err(ProfileError::ControlCharacter)
            ));
        }
        let emoji = json!({"bio": "two\nlines", "name": "👩\u{200d}💻"});
        assert!(check_own(&object(emoji), &[]).is_ok());
    }
}
