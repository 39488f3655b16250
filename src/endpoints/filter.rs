//! Query parameters of lists: filters, page size, cursor.

use axum::extract::{FromRequestParts, Query};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;

use super::Problem;
use super::body::wrong_field;

/// The page size without `limit`.
const USUAL: u32 = 50;
/// The largest page size.
pub(super) const MOST: u32 = 200;

/// The query parameters, in a type with `deny_unknown_fields`: a misspelt filter must not list everything. Its fields are
/// strings, which the functions of this file parse, so that an error can name the field.
pub(in crate::endpoints) struct Filter<T>(pub(in crate::endpoints) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Filter<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(filter)) => Ok(Self(filter)),
            Err(rejection) => {
                let text = rejection.body_text();
                // axum's message starts with the field and ends with what is wrong.
                let message = text.rsplit(": ").next().unwrap_or_default();
                Err(wrong_field(".", message))
            }
        }
    }
}

/// Parses a filter. `expected` says what is accepted, after the word "expected".
pub(in crate::endpoints) fn value<T>(
    field: &str,
    text: Option<&str>,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let wrong = || Problem::field(field, "not_accepted", &format!("expected {expected}"));
    text.map(|text| parse(text).ok_or_else(wrong)).transpose()
}

/// Parses a filter that is one of a closed set of words, which the error lists.
pub(super) fn word<T: Copy>(
    field: &str,
    text: Option<&str>,
    accepted: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let names = || accepted.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", ");
    let Some(text) = text else { return Ok(None) };
    let found = accepted.iter().copied().find(|value| name(*value) == text);
    let wrong = || Problem::field(field, "not_accepted", &format!("expected one of {}", names()));
    found.map(Some).ok_or_else(wrong)
}

/// Parses the id of `what`.
pub(super) fn id(field: &str, text: Option<&str>, what: &str) -> Result<Option<Uuid>, Problem> {
    let expected = format!("the id of {what}, a UUID");
    value(field, text, &expected, |text| text.parse().ok())
}

/// Parses a time (RFC 3339).
pub(super) fn instant(field: &str, text: Option<&str>) -> Result<Option<OffsetDateTime>, Problem> {
    // In a query a plus sign stands for a space: this is what most users of a time with an offset run into.
    let expected = "a time such as 2026-01-31T08:00:00Z (RFC 3339); the plus sign of an offset is written %2B";
    value(field, text, expected, |text| OffsetDateTime::parse(text, &Rfc3339).ok())
}

/// Parses the cursor of a page.
pub(in crate::endpoints) fn cursor<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    value("cursor", text, "the `next_cursor` of the previous page", parse)
}

/// A text to search for or to compare with. NUL is refused, because PostgreSQL has no such character and answers with an
/// error.
pub(super) fn plain<'a>(field: &str, text: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
    if text.is_some_and(|text| text.is_empty() || text.len() > 256 || text.chars().any(char::is_control)) {
        let message = "expected 1 to 256 bytes without control characters";
        return Err(Problem::field(field, "not_accepted", &message));
    }
    Ok(text)
}

/// Parses the page size.
pub(in crate::endpoints) fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(USUAL) };
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| Problem::field("limit", "not_accepted", &format!("expected a number from 1 to {MOST}")))
}

/// Removes the one row that was read beyond the page, and returns the cursor of the next page if there was one.
pub(in crate::endpoints) fn next<T>(rows: &mut Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Option<String> {
    let limit = limit as usize;
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    rows.last().map(cursor)
}

/// A cursor of a list that is ordered by id.
pub(super) fn id_cursor(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

pub(super) fn read_id_cursor(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A cursor of a list that is ordered by time and id. The time has microseconds, as in PostgreSQL.
pub(in crate::endpoints) fn time_cursor(at: OffsetDateTime, id: Uuid) -> String {
    let micros = i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
    URL_SAFE_NO_PAD.encode([&micros.to_be_bytes()[..], id.as_bytes()].concat())
}

pub(in crate::endpoints) fn read_time_cursor(text: &str) -> Option<(OffsetDateTime, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (micros, id) = bytes.split_at_checked(8)?;
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()?;
    Some((at, Uuid::from_slice(id).ok()?))
}

/// A string that is one of these, for the OpenAPI document.
pub(super) fn words(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_cursor_says_where_the_next_page_begins() {
        let (at, id) = (datetime!(2026-01-31 08:00:00.123456 UTC), Uuid::from_u128(7));
        assert_eq!(read_time_cursor(&time_cursor(at, id)), Some((at, id)));
        assert_eq!(read_id_cursor(&id_cursor(id)), Some(id));
        for wrong in ["", "AAAA", "=", "\u{e4}", &"A".repeat(100)] {
            assert_eq!(
                (read_id_cursor(wrong), read_time_cursor(wrong)),
                (None, None),
                "{wrong:?}"
            );
        }
        let mut rows = vec![1, 2, 3];
        assert_eq!(next(&mut rows, 2, ToString::to_string).as_deref(), Some("2"));
        assert_eq!(rows, [1, 2]);
        assert_eq!(next(&mut rows, 2, ToString::to_string), None);
    }
}
