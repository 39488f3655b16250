use std::time::Duration;

use time::macros::datetime;

use super::*;
use crate::store::revocations::{Revocation, Subject};

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00:00 UTC);

fn row(id: i64) -> Recorded {
    Recorded {
        id,
        revocation: Revocation {
            subject: Subject::Session(id.to_string()),
            expires_at: NOW + Duration::from_secs(600),
        },
    }
}

fn entry(id: &str, row_id: i64) -> Entry {
    Entry {
        id: id.to_owned(),
        content: Content::Revoked(row(row_id)),
    }
}

/// A ledger of a feed that holds these rows.
fn read(rows: &[(&str, i64)]) -> Ledger {
    let ledger = Ledger::default();
    ledger.begin_reading();
    for (id, row) in rows {
        ledger.saw(&entry(id, *row));
    }
    ledger.finish_reading();
    ledger
}

fn compare(ledger: &Ledger, rows: &[i64]) -> u64 {
    let (reading, whole) = ledger.wants();
    ledger.read_outbox(rows.iter().map(|id| row(*id)).collect(), whole, reading, NOW);
    reading
}

fn ids(rows: &[Recorded]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

fn is_complete(ledger: &Ledger, reading: u64) -> bool {
    ledger.complete(&ledger.lacking(), reading).is_some()
}

#[test]
fn the_feed_lacks_what_the_outbox_has_and_it_has_not() {
    let ledger = read(&[("1-0", 1), ("2-0", 3)]);
    compare(&ledger, &[1, 2, 3, 4]);
    assert_eq!(ids(&ledger.lacking()), [2, 4]);
}

#[test]
fn a_feed_is_complete_once_what_it_lacked_was_published() {
    let ledger = read(&[("1-0", 1)]);
    let reading = compare(&ledger, &[1, 2]);
    let due = ledger.lacking();
    assert_eq!(ledger.complete(&due, reading), None);
    ledger.published(&due, &["5-0".to_owned()]);
    let complete = ledger.complete(&due, reading).unwrap();
    assert_eq!(complete.newest.as_deref(), Some("5-0"));
}

#[test]
fn rows_published_by_another_issuer_are_not_missing() {
    let ledger = read(&[]);
    let reading = compare(&ledger, &[1]);
    let due = ledger.lacking();
    ledger.saw(&entry("5-0", 1));
    assert!(ledger.complete(&due, reading).is_some());
}

#[test]
fn nothing_is_complete_before_the_feed_was_read_to_its_end_and_the_outbox_compared_as_a_whole() {
    let ledger = Ledger::default();
    let (reading, whole) = ledger.wants();
    assert!(whole && !is_complete(&ledger, reading), "nothing was read");
    ledger.begin_reading();
    let reading = compare(&ledger, &[]);
    assert!(!is_complete(&ledger, reading), "the feed is still being read");
    ledger.finish_reading();
    assert!(is_complete(&ledger, reading));

    let ledger = read(&[]);
    let (reading, _) = ledger.wants();
    ledger.read_outbox(vec![], false, reading, NOW);
    assert!(!is_complete(&ledger, reading), "only what was added was read");
}

#[test]
fn after_a_new_reading_everything_is_compared_again() {
    let ledger = read(&[("1-0", 1)]);
    let reading = compare(&ledger, &[1]);
    assert!(is_complete(&ledger, reading));
    ledger.doubt();
    assert!(!is_complete(&ledger, reading), "it may be another feed");
    ledger.begin_reading();
    ledger.finish_reading();
    assert!(!is_complete(&ledger, reading), "what was found before counts no more");
    let reading = compare(&ledger, &[1]);
    assert_eq!(ids(&ledger.lacking()), [1]);
    ledger.published(&ledger.lacking(), &["5-0".to_owned()]);
    assert!(!ledger.is_doubted() && is_complete(&ledger, reading));
}

#[test]
fn an_outbox_read_for_an_earlier_reading_does_not_count_for_a_later_one() {
    let ledger = read(&[]);
    let (reading, whole) = ledger.wants();
    ledger.begin_reading();
    ledger.finish_reading();
    ledger.read_outbox(vec![], whole, reading, NOW);
    let (reading, whole) = ledger.wants();
    assert!(whole && !is_complete(&ledger, reading));
}

#[test]
fn a_commit_after_the_reading_does_not_hold_up_a_statement_and_one_before_does() {
    let ledger = read(&[]);
    ledger.committed(&[row(1)]);
    let reading = compare(&ledger, &[1]);
    let due = ledger.lacking();
    ledger.committed(&[row(2)]);
    assert_eq!(ledger.complete(&due, reading), None);
    ledger.published(&due, &["5-0".to_owned()]);
    assert!(ledger.complete(&due, reading).is_some());
    assert_eq!(ledger.pending(), 1);
}

#[test]
fn the_newest_entry_is_the_greatest_as_a_number() {
    let ledger = read(&[("9-0", 1)]);
    ledger.published(&[row(2)], &["10-2".to_owned()]);
    ledger.saw(&entry("10-1", 3));
    assert_eq!(ledger.newest().as_deref(), Some("10-2"));
}

#[test]
fn what_has_expired_is_not_lacking() {
    let ledger = read(&[]);
    let dead = Recorded {
        revocation: Revocation {
            expires_at: NOW - CLOCKS_APART,
            ..row(1).revocation
        },
        ..row(1)
    };
    let (reading, whole) = ledger.wants();
    ledger.read_outbox(vec![dead, row(2)], whole, reading, NOW);
    assert_eq!(ids(&ledger.lacking()), [2]);
}

#[test]
fn of_published_rows_only_those_that_may_be_shown_again_are_kept() {
    let ledger = read(&[]);
    let many: Vec<i64> = (1..=10_000).collect();
    for id in &many {
        ledger.saw(&entry(&format!("{id}-0"), *id));
    }
    compare(&ledger, &many);
    compare(&ledger, &[9_999, 10_000]);
    assert_eq!(ledger.state().in_feed.len(), 2);
    compare(&ledger, &[9_999, 10_000]);
    assert_eq!(ledger.pending(), 0, "and those are still known");
}

/// After an outage of Redis, in which sessions go on ending: each is read from the outbox while another is published.
#[test]
fn what_waited_is_published_in_a_time_in_proportion_to_it() {
    const WAITING: i64 = 100_000;
    let ledger = read(&[]);
    let reading = compare(&ledger, &(0..WAITING).collect::<Vec<_>>());
    let began = std::time::Instant::now();
    for (id, due) in ledger.lacking().iter().enumerate() {
        ledger.published(std::slice::from_ref(due), &[format!("{}-0", id + 1)]);
        ledger.read_outbox(vec![row(due.id + WAITING)], false, reading, NOW);
    }
    // Three tenths of a second; going through all that wait each time, it takes minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let waiting = usize::try_from(WAITING).unwrap();
    assert_eq!((ledger.pending(), ids(&ledger.lacking())[0]), (waiting, WAITING));
}
