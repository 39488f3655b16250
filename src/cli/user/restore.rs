//! `sidegate user restore`: finds a deleted account by any of its names.

use uuid::Uuid;

use super::super::operator::{Failed, instant};
use crate::accounts::{Accounts, Deleted, Operator, Page, User};
use crate::clock;

/// The most deleted accounts of one name that are read.
const MOST: u32 = 100;

/// Restores the account with this id, email address or username.
pub(super) async fn restore(accounts: &Accounts, name: &str) -> Result<User, Failed> {
    let id = match name.parse() {
        Ok(id) => id,
        Err(_) => find(accounts, name).await?,
    };
    let standing = &accounts.operator.standing;
    Ok(standing.restore(id, &Operator::command_line(), clock::now()).await?)
}

/// A name can have been used by several accounts, one after the other: then the operator has to choose.
async fn find(accounts: &Accounts, name: &str) -> Result<Uuid, Failed> {
    let page = Page {
        after: None,
        starts_with: Some(name),
        deleted: Deleted::Only,
        locked: None,
        role: None,
        limit: MOST,
    };
    let wanted = name.to_lowercase();
    let has_name = |user: &User| user.email == wanted || user.username.as_deref().is_some_and(|own| own == wanted);
    let mut found = accounts.overview.users(page, clock::now()).await?;
    found.retain(has_name);
    match found.as_slice() {
        [user] => Ok(user.id),
        [] if accounts.operator.accounts.lookup(name).await.is_ok() => Err(format!("`{name}` is not deleted").into()),
        [] => Err(format!("there is no deleted account `{name}`; `sidegate user list --deleted` lists them").into()),
        several => {
            let line = |user: &User| {
                let deleted_at = instant(user.deleted_at);
                format!("\n  {}  deleted at {}", user.id, deleted_at.as_str().unwrap_or("-"))
            };
            let lines: String = several.iter().map(line).collect();
            Err(format!("several deleted accounts had the name `{name}`: restore one by its id{lines}").into())
        }
    }
}
