//! `users`, many at a time: pages for operators, and how many there are.
//!
//! A page costs the page: each filter that few accounts pass has a query of its own, in the order of an index, and what
//! else is asked of the rows is checked as they are read.

use time::OffsetDateTime;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::users::User;
use super::{StoreError, sql};

/// How many accounts are counted one by one; more are estimated.
const COUNTED_TO: i64 = 5_000;

/// What becomes of deleted accounts in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deleted {
    /// They are left out.
    #[default]
    Exclude,
    /// They are listed, too.
    Include,
    /// Nothing else is listed.
    Only,
}

/// Which accounts, and from where on.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The last id of the page before.
    pub after: Option<Uuid>,
    /// An email address or a username begins with this, whatever its case.
    pub starts_with: Option<&'a str>,
    /// Deleted ones.
    pub deleted: Deleted,
    /// Only those that are locked, or (`false`) that are not.
    pub locked: Option<bool>,
    /// Only those that have this role.
    pub role: Option<&'a str>,
    /// At most so many.
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
    // The filter that fewest accounts pass.
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

/// How many accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Not deleted.
    pub existing: i64,
    /// Of those, locked; 5,001 stands for more.
    pub locked: i64,
    /// Deleted.
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
