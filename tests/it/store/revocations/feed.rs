//! Published revocations are read by followers of the feed and by checks of one token.

use std::time::{Duration, Instant};

use sidegate::store::revocations::{self, Content, Standing, Subject, Token};

use super::{ISSUER, connect, contents, publish, raw, read_all, recorded, session, user};

#[tokio::test]
async fn a_revocation_reaches_followers_of_the_feed_and_checks_of_one_token() {
    let (redis, _) = connect();
    let all = [
        recorded(1, Subject::Token("j1".to_owned())),
        session(2),
        user(3, "u1", 7),
        recorded(4, Subject::Key("k1".to_owned())),
    ];
    let ids = publish(&redis, &all).await;
    let entries = read_all(&redis).await;
    assert_eq!(entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(contents(entries), all.map(Content::Revoked));

    let check = async |jti, session, user| {
        let token = Token {
            issuer: ISSUER,
            jti,
            session,
            user,
        };
        let said = revocations::check(&redis, &token).await.unwrap();
        (said.revoked, said.user_version, said.keys)
    };
    let keys = vec!["k1".to_owned()];
    assert_eq!(check("j2", "s1", "u2").await, (false, None, keys.clone()));
    assert_eq!(check("j1", "s1", "u2").await, (true, None, keys.clone()));
    assert_eq!(check("j2", "s2", "u2").await, (true, None, keys.clone()));
    assert_eq!(check("j2", "s1", "u1").await, (false, Some(7), keys));
    let elsewhere = Token {
        issuer: "https://other.test",
        user: "u1",
        ..Token::default()
    };
    let said = revocations::check(&redis, &elsewhere).await.unwrap();
    assert_eq!(said.user_version, None, "another issuer's user of that id");
}

#[tokio::test]
async fn an_empty_redis_knows_of_no_revocation_and_says_that_it_knows_nothing() {
    let (redis, _) = connect();
    let said = revocations::check(&redis, &Token::default()).await.unwrap();
    let nothing = Standing {
        now_ms: said.now_ms,
        ..Standing::default()
    };
    assert_eq!(said, nothing);
    assert_eq!(said.complete_ms, None);
}

#[tokio::test]
async fn a_users_version_never_goes_back() {
    let (redis, _) = connect();
    publish(&redis, &[user(2, "u", 5), user(1, "u", 4)]).await;
    let token = Token {
        issuer: ISSUER,
        user: "u",
        ..Token::default()
    };
    let said = revocations::check(&redis, &token).await.unwrap();
    assert_eq!(said.user_version, Some(5));
}

#[tokio::test]
async fn a_reader_of_the_feed_hears_of_a_revocation_at_once() {
    let (redis, _) = connect();
    let last = publish(&redis, &[session(1)]).await.pop().unwrap();
    let reader = redis.clone();
    let from = last.clone();
    let tail = tokio::spawn(async move {
        let tail = revocations::tail(&reader, Some(&from), Duration::from_secs(5))
            .await
            .unwrap();
        (tail.entries, Instant::now())
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    // The blocking tail delays no other call.
    let published = Instant::now();
    publish(&redis, &[session(2)]).await;
    let (entries, heard) = tail.await.unwrap();
    assert_eq!(contents(entries), [Content::Revoked(session(2))]);
    assert!(heard.duration_since(published) < Duration::from_millis(100));
    let position = revocations::position(&redis, Some(&last)).await.unwrap();
    assert!(position.continues);
}

#[tokio::test]
async fn a_quiet_feed_is_no_error() {
    let (redis, _) = connect();
    let tail = revocations::tail(&redis, None, Duration::from_millis(300))
        .await
        .unwrap();
    assert_eq!(tail.entries, []);
    assert!(revocations::position(&redis, None).await.unwrap().continues);
}

#[tokio::test]
async fn a_reader_notices_that_what_it_read_is_gone() {
    let (redis, namespace) = connect();
    let ids = publish(&redis, &[session(1), session(2)]).await;
    assert!(revocations::position(&redis, Some(&ids[1])).await.unwrap().continues);
    // As after a failover that lost the last write.
    let _: i64 = ::redis::cmd("XDEL")
        .arg(format!("{namespace}:revocations"))
        .arg(&ids[1])
        .query_async(&mut raw().await)
        .await
        .unwrap();
    assert!(!revocations::position(&redis, Some(&ids[1])).await.unwrap().continues);
    assert!(revocations::next_page(&redis, Some(&ids[1])).await.unwrap().is_none());
    assert!(revocations::position(&redis, Some(&ids[0])).await.unwrap().continues);
}

#[tokio::test]
async fn a_feed_of_several_pages_is_read_whole_and_an_old_one_is_trimmed() {
    let (redis, _) = connect();
    let many: Vec<_> = (0..2_500).map(session).collect();
    for some in many.chunks(revocations::BATCH) {
        publish(&redis, some).await;
    }
    let all = contents(read_all(&redis).await);
    assert!(
        all.iter()
            .eq(&many.iter().cloned().map(Content::Revoked).collect::<Vec<_>>())
    );
    tokio::time::sleep(Duration::from_millis(5)).await;
    let keep = Duration::from_millis(1);
    revocations::publish(&redis, &[session(2_501)], keep).await.unwrap();
    assert!(read_all(&redis).await.len() < 200, "whole nodes of the stream go");
}
