//! Lists and counts of the table `users`, for operators.
//!
//! The cost of a page depends on its length only: each selective filter has a query of its own, in the order of an
//! index, and other filters are checked while the rows are read.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::users::User;
use super::{StoreError, sql};

/// Up to this many accounts are counted exactly; more are estimated.
const COUNTED_TO: i64 = 5_000;

/// Whether a list contains deleted accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deleted {
    /// Without deleted accounts.
    #[default]
    Exclude,
    /// With deleted accounts.
    Include,
    /// Deleted accounts only.
    Only,
}

/// The filters of a page.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The last id of the previous page.
    pub after: Option<Uuid>,
    /// Only accounts whose email address or username begins with this, ignoring case.
    pub starts_with: Option<&'a str>,
    /// Deleted accounts.
    pub deleted: Deleted,
    /// Only accounts that are locked, or (`false`) that are not.
    pub locked: Option<bool>,
    /// Only accounts with this role.
    pub role: Option<&'a str>,
    /// The maximum number of accounts.
    pub limit: u32,
}

/// A page of accounts: in the order of their ids, which is the order in which they were created; with `starts_with`, in
/// the byte order of the names that begin so.
pub async fn list(db: &impl Executor, page: Page<'_>, now: OffsetDateTime) -> Result<Vec<User>, StoreError> {
    if let Some(starts_with) = page.starts_with {
        return search(db, starts_with, page, now).await;
    }
    let (after, limit) = (page.after.unwrap_or(Uuid::nil()), i64::from(page.limit));
    let deleted = match page.deleted {
        Deleted::Exclude => Some(false),
        Deleted::Include => None,
        Deleted::Only => Some(true),
    };
    // The most selective filter determines the query.
    let query = match page {
        Page { locked: Some(true), .. } => &sql::USER_LIST_LOCKED,
        Page {
            deleted: Deleted::Only, ..
        } => &sql::USER_LIST_DELETED,
        Page { role: Some(_), .. } => &sql::USER_LIST_BY_ROLE,
        _ => &sql::USER_LIST,
    };
    db.many(query, &[&after, &deleted, &page.locked, &page.role, &now, &limit])
        .await
}

async fn search(
    db: &impl Executor,
    starts_with: &str,
    page: Page<'_>,
    now: OffsetDateTime,
) -> Result<Vec<User>, StoreError> {
    let from = starts_with.to_lowercase();
    let until = format!("{from}{}", char::MAX);
    let (after, limit) = (page.after.unwrap_or(Uuid::nil()), i64::from(page.limit));
    let queries = [
        (&sql::USER_SEARCH, page.deleted != Deleted::Only),
        (&sql::USER_SEARCH_DELETED, page.deleted != Deleted::Exclude),
    ];
    let mut found: Vec<User> = Vec::new();
    for (query, _) in queries.into_iter().filter(|(_, wanted)| *wanted) {
        let page: Vec<User> = db
            .many(query, &[&from, &until, &after, &page.locked, &page.role, &now, &limit])
            .await?;
        found.extend(page);
    }
    found.sort_by(|one, other| (name(one, &from), one.id).cmp(&(name(other, &from), other.id)));
    found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// The name by which a search found an account.
fn name<'a>(user: &'a User, from: &str) -> Option<&'a str> {
    if user.email.starts_with(from) {
        Some(&user.email)
    } else {
        user.username.as_deref()
    }
}

/// The numbers of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Accounts that are not deleted.
    pub existing: i64,
    /// Locked accounts among them; 5,001 means more than 5,000.
    pub locked: i64,
    /// Deleted accounts.
    pub deleted: i64,
}

impl FromRecord for Count {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            existing: record.get("existing")?,
            locked: record.get("locked")?,
            deleted: record.get("deleted")?,
        })
    }
}

/// Counts the accounts: exact up to 5,000, above that an estimate from the last VACUUM or ANALYZE.
pub async fn count(db: &impl Executor, now: OffsetDateTime) -> Result<Count, StoreError> {
    db.one(&sql::USER_COUNT, &[&now, &COUNTED_TO]).await
}
