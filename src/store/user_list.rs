//! `users`, many at a time: pages for operators, and how many there are.
//!
//! A page costs the page: each filter that few accounts pass has a query of its own, in the order of an index, and what else
//! is asked of the rows is checked as they are read.

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
    /// Deleted ones.
    pub deleted: Deleted,
    /// Only those that are locked, or (`false`) that are not.
    pub locked: Option<bool>,
    /// Only those that have this role.
    pub role: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}

/// A page of accounts in the order of their ids, which is the order in which they were created.
pub async fn list(db: &impl Executor, page: Page<'_>, now: OffsetDateTime) -> Result<Vec<User>, StoreError> {
    let (after, limit) = (page.after.unwrap_or(Uuid::nil()), i64::from(page.limit));
    let deleted = match page.deleted {
        Deleted::Exclude => Some(false),
        Deleted::Include => None,
        Deleted::Only => Some(true),
    };
    // The filter that fewest accounts pass.
    let query = match page {
        Page {
            locked: Some(true), ..
        } => &sql::USER_LIST_LOCKED,
        Page {
            deleted: Deleted::Only, ..
        } => &sql::USER_LIST_DELETED,
        Page { role: Some(_), .. } => &sql::USER_LIST_BY_ROLE,
        _ => &sql::USER_LIST,
    };
    db.many(query, &[&after, &deleted, &page.locked, &page.role, &now, &limit])
        .await
}

/// What to search for, and from where on.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The first characters of an email address or a username, whatever their case.
    pub starts_with: &'a str,
    /// The last match of the page before.
    pub after: Option<(&'a str, Uuid)>,
    /// Deleted ones.
    pub deleted: Deleted,
    /// Only those that are locked, or (`false`) that are not.
    pub locked: Option<bool>,
    /// Only those that have this role.
    pub role: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}

/// An account that was searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Its name that begins so: the email address if that does, or else the username. Pages are in the order of these.
    pub name: String,
    /// The account.
    pub user: User,
}

impl FromRecord for Match {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            name: record.get("name")?,
            user: User::from_record(record)?,
        })
    }
}

/// A page of accounts whose email address or username begins with a text, in the byte order of these names.
pub async fn search(db: &impl Executor, search: Search<'_>, now: OffsetDateTime) -> Result<Vec<Match>, StoreError> {
    let from = search.starts_with.to_lowercase();
    let until = format!("{from}{}", char::MAX);
    let (after_name, after_id) = search.after.unwrap_or(("", Uuid::nil()));
    let limit = i64::from(search.limit);
    let mut found: Vec<Match> = Vec::new();
    let queries = [
        (&sql::USER_SEARCH, search.deleted != Deleted::Only),
        (&sql::USER_SEARCH_DELETED, search.deleted != Deleted::Exclude),
    ];
    for (query, _) in queries.into_iter().filter(|(_, wanted)| *wanted) {
        let page: Vec<Match> = db
            .many(
                query,
                &[
                    &from,
                    &until,
                    &after_name,
                    &after_id,
                    &search.locked,
                    &search.role,
                    &now,
                    &limit,
                ],
            )
            .await?;
        found.extend(page);
    }
    found.sort_by(|one, other| (&one.name, one.user.id).cmp(&(&other.name, other.user.id)));
    found.truncate(usize::try_from(search.limit).unwrap_or(usize::MAX));
    Ok(found)
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
