//! When Redis accepts a heartbeat, and when it refuses one whose statement would not hold.

use std::time::Duration;

use sidegate::store::redis::Redis;
use sidegate::store::revocations::{self, Content, Extent, Proof, Said, Statement};

use super::{KEEP, connect, publish, raw, read_all, session};

async fn state(redis: &Redis, instance: &str, at_ms: i64, extent: Extent, proof: Proof<'_>) -> Said {
    let statement = Statement {
        at_ms,
        extent,
        proof,
        instance,
    };
    revocations::heartbeat(redis, &statement, KEEP).await.unwrap()
}

/// A heartbeat for the current time.
async fn state_now(redis: &Redis, instance: &str, extent: Extent, proof: Proof<'_>) -> Said {
    let now_ms = revocations::now_ms(redis).await.unwrap();
    state(redis, instance, now_ms, extent, proof).await
}

const ALL: Extent = Extent::Outbox(42);
const NOTHING: Proof<'static> = Proof {
    anchor: None,
    newest: None,
};

/// Heartbeats with a shorter distance than this are combined.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(120)).await;
}

async fn heartbeats(redis: &Redis) -> Vec<i64> {
    let entries = read_all(redis).await.into_iter();
    let at = entries.filter_map(|entry| match entry.content {
        Content::Heartbeat { at_ms, .. } => Some(at_ms),
        _ => None,
    });
    at.collect()
}

#[tokio::test]
async fn a_heartbeat_says_up_to_when_and_where_the_feed_is_complete() {
    let (redis, _) = connect();
    let now_ms = revocations::now_ms(&redis).await.unwrap();
    assert_eq!(state(&redis, "a", now_ms, ALL, NOTHING).await, Said::Appended);
    let entries = read_all(&redis).await;
    assert_eq!(
        entries[0].content,
        Content::Heartbeat {
            at_ms: now_ms,
            position: 42
        }
    );
    let said = revocations::check(&redis, &revocations::Token::default())
        .await
        .unwrap();
    assert_eq!(said.complete_ms, Some(now_ms));
}

#[tokio::test]
async fn a_heartbeat_that_was_stuck_for_seconds_is_refused_and_so_is_one_from_the_future() {
    let (redis, _) = connect();
    let now_ms = revocations::now_ms(&redis).await.unwrap();
    assert_eq!(state(&redis, "a", now_ms - 1_500, ALL, NOTHING).await, Said::Late);
    assert_eq!(state(&redis, "a", now_ms + 5_000, ALL, NOTHING).await, Said::Late);
    assert_eq!(heartbeats(&redis).await, [0; 0]);
    assert_eq!(state(&redis, "a", now_ms - 500, ALL, NOTHING).await, Said::Appended);
}

#[tokio::test]
async fn a_heartbeat_about_a_feed_that_was_emptied_or_lost_its_last_writes_is_refused() {
    let (redis, namespace) = connect();
    let feed = format!("{namespace}:revocations");
    let ids = publish(&redis, &[session(1), session(2), session(3)]).await;
    let proof = |anchor: usize, newest: usize| Proof {
        anchor: Some(&ids[anchor]),
        newest: Some(&ids[newest]),
    };
    assert_eq!(state_now(&redis, "a", ALL, proof(0, 2)).await, Said::Appended);
    pause().await;

    let delete = async |id: &str| {
        let _: i64 = ::redis::cmd("XDEL")
            .arg(&feed)
            .arg(id)
            .query_async(&mut raw().await)
            .await
            .unwrap();
    };
    delete(&ids[2]).await;
    assert_eq!(
        state_now(&redis, "a", ALL, proof(0, 2)).await,
        Said::Lost,
        "the last write"
    );
    delete(&ids[0]).await;
    assert_eq!(
        state_now(&redis, "a", ALL, proof(0, 1)).await,
        Said::Lost,
        "what was there before"
    );
    assert_eq!(state_now(&redis, "a", ALL, proof(1, 1)).await, Said::Appended);
}

#[tokio::test]
async fn one_heartbeat_is_enough_for_all_issuers() {
    let (redis, _) = connect();
    assert_eq!(state_now(&redis, "a", ALL, NOTHING).await, Said::Appended);
    assert_eq!(state_now(&redis, "b", ALL, NOTHING).await, Said::Known);
    pause().await;
    assert_eq!(state_now(&redis, "b", ALL, NOTHING).await, Said::Appended);
    assert_eq!(heartbeats(&redis).await.len(), 2);
}

#[tokio::test]
async fn without_postgresql_an_issuer_that_is_alone_speaks_for_itself() {
    let (redis, _) = connect();
    assert_eq!(
        state_now(&redis, "a", Extent::Outage(42), NOTHING).await,
        Said::Appended
    );
}

#[tokio::test]
async fn without_postgresql_a_heartbeat_goes_as_far_as_the_issuer_that_has_been_silent_for_longest() {
    let (redis, _) = connect();
    let (outage, now_ms) = (Extent::Outage(42), async || revocations::now_ms(&redis).await.unwrap());
    let silent = now_ms().await;
    assert_eq!(state(&redis, "silent", silent, ALL, NOTHING).await, Said::Appended);
    pause().await;
    let other = now_ms().await;
    assert_eq!(state(&redis, "other", other, outage, NOTHING).await, Said::Alone);
    assert_eq!(
        heartbeats(&redis).await,
        [silent],
        "the silent one may be taking logouts"
    );

    pause().await;
    let spoke = now_ms().await;
    assert_eq!(state(&redis, "silent", spoke, outage, NOTHING).await, Said::Appended);
    assert_eq!(heartbeats(&redis).await, [silent, other], "now the other is behind");
    pause().await;
    assert_eq!(state_now(&redis, "other", outage, NOTHING).await, Said::Appended);
    assert_eq!(heartbeats(&redis).await, [silent, other, spoke]);

    revocations::forget(&redis, "silent").await.unwrap();
    pause().await;
    let alone = now_ms().await;
    assert_eq!(state(&redis, "other", alone, outage, NOTHING).await, Said::Appended);
    assert_eq!(
        heartbeats(&redis).await,
        [silent, other, spoke, alone],
        "nobody waits for one that ended"
    );
}

#[tokio::test]
async fn old_heartbeats_leave_the_feed_and_revocations_stay() {
    let (redis, namespace) = connect();
    publish(&redis, &[session(1)]).await;
    let heartbeat = format!("{namespace}:revocations:heartbeat");
    for _ in 0..80 {
        // As if the last one were long ago.
        let _: i64 = ::redis::cmd("DEL")
            .arg(&heartbeat)
            .query_async(&mut raw().await)
            .await
            .unwrap();
        assert_eq!(state_now(&redis, "a", ALL, NOTHING).await, Said::Appended);
    }
    let entries = read_all(&redis).await;
    assert_eq!(entries.len(), 1 + 64);
    assert_eq!(entries[0].content, Content::Revoked(session(1)));
}

#[tokio::test]
async fn a_clock_of_redis_that_was_set_back_does_not_end_the_heartbeats() {
    let (redis, namespace) = connect();
    let now_ms = revocations::now_ms(&redis).await.unwrap();
    let () = ::redis::cmd("SET")
        .arg(format!("{namespace}:revocations:heartbeat"))
        .arg(now_ms + 3_600_000)
        .query_async(&mut raw().await)
        .await
        .unwrap();
    assert_eq!(state_now(&redis, "a", ALL, NOTHING).await, Said::Appended);
}
