//! Sessions and refresh tokens: however requests interleave, a session has one live token or has ended.

use std::time::Duration;

use sidegate::store::StoreError;
use sidegate::store::cleanup::{self, Before, Responses};
use sidegate::store::postgres::Postgres;
use sidegate::store::refresh_tokens::{self, Chain};
use sidegate::store::sessions::{self, EXPIRED, NewSession, Scope, Successor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::fixture::{Database, NOW};

const DAY: Duration = Duration::from_secs(86_400);
/// A limit of open sessions that no test here reaches.
const MANY: u32 = 1_000_000;

/// Opens a session; returns whether its device was new to the account.
pub(super) async fn open(postgres: &Postgres, user_id: Uuid, session_id: Uuid, fingerprint: u8) -> bool {
    let amr = ["pwd".to_owned()];
    let session = NewSession {
        session_id,
        user_id,
        device_id: Uuid::new_v4(),
        device_name: None,
        user_agent: Some("curl"),
        address: Some("192.0.2.1".parse().unwrap()),
        amr: &amr,
        expires_at: NOW + 90 * DAY,
        token_hash: [1; 32],
        token_expires_at: NOW + 30 * DAY,
        fingerprint: [fingerprint; 32],
    };
    let tx = postgres.transaction("login").await.unwrap();
    let is_new = sessions::open(&tx, &session, MANY, NOW).await.unwrap().is_new_device;
    tx.commit().await.unwrap();
    is_new
}

/// Replaces the token of generation `live`, as a refresh with the token of generation `presented` does.
pub(super) async fn refresh(
    postgres: &Postgres,
    session_id: Uuid,
    (live, presented): (i32, i32),
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let hash = u8::try_from(live + 1).unwrap_or(255);
    let successor = Successor {
        session_id,
        live,
        presented,
        token_hash: [hash; 32],
        expires_at: now + 30 * DAY,
        response_sealed: b"sealed",
        user_agent: Some("curl"),
        address: Some("192.0.2.1".parse().unwrap()),
        changed_fingerprint: None,
    };
    sessions::refresh(postgres, &successor, now).await
}

async fn chain(postgres: &Postgres, session_id: Uuid, generation: i32) -> Chain {
    let found = refresh_tokens::find(postgres, session_id, generation).await.unwrap();
    found.unwrap().chain
}

async fn generations(database: &Database, session_id: Uuid) -> Vec<(i32, bool)> {
    let rows =
        "SELECT generation, response_sealed IS NOT NULL FROM refresh_tokens WHERE session_id = $1 ORDER BY generation";
    let rows = database.raw.query(rows, &[&session_id]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn end(database: &Database, user_id: Uuid, scope: Scope) -> Vec<Uuid> {
    let tx = database.postgres.transaction("logout").await.unwrap();
    let mut ended = sessions::end(&tx, user_id, scope, "logout", NOW).await.unwrap();
    tx.commit().await.unwrap();
    ended.sort_unstable();
    ended
}

#[tokio::test]
async fn a_session_is_read_as_it_was_opened_and_listed_once_however_often_it_was_refreshed() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    for generation in 1..=3 {
        let now = NOW + Duration::from_secs(60);
        assert!(
            refresh(&database.postgres, session, (generation, generation), now)
                .await
                .unwrap()
        );
    }
    let open = sessions::list(&database.postgres, ada.id, NOW).await.unwrap();
    assert_eq!(open.len(), 1);
    let found = sessions::find(&database.postgres, session, NOW).await.unwrap();
    assert_eq!(found.as_ref(), open.first());
    let found = found.unwrap();
    assert_eq!((found.session_id, found.user_id), (session, ada.id));
    assert_eq!((found.started_at, found.auth_time), (NOW, NOW));
    assert_eq!(found.last_seen_at, NOW + Duration::from_secs(60));
    assert_eq!(found.session_expires_at, NOW + 90 * DAY);
    assert_eq!(found.expires_at, NOW + Duration::from_secs(60) + 30 * DAY);
    assert_eq!(
        (found.amr, found.user_agent.as_deref()),
        (vec!["pwd".to_owned()], Some("curl"))
    );
    let late = NOW + Duration::from_secs(60) + 30 * DAY;
    assert_eq!(sessions::find(&database.postgres, session, late).await.unwrap(), None);
    assert!(
        sessions::list(&database.postgres, ada.id, late)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_refresh_keeps_the_live_token_and_the_one_it_replaced_and_no_other() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    let of = |live, presented| refresh(&database.postgres, session, (live, presented), NOW);
    assert_eq!(generations(&database, session).await, [(1, false)]);
    assert!(of(1, 1).await.unwrap());
    assert_eq!(generations(&database, session).await, [(1, false), (2, true)]);
    assert!(of(2, 2).await.unwrap());
    assert_eq!(
        generations(&database, session).await,
        [(2, false), (3, true)],
        "a used token's own answer is forgotten"
    );
    // The response with 3 was lost: 2 is presented again.
    assert!(of(3, 2).await.unwrap());
    assert_eq!(generations(&database, session).await, [(2, false), (4, true)]);
    let chain = chain(&database.postgres, session, 2).await;
    assert_eq!((chain.generation, chain.replaced_generation), (4, Some(2)));
    assert_eq!(chain.live.unwrap().token_hash, [4; 32]);
    assert_eq!(chain.replaced.unwrap().token_hash, [2; 32]);
    assert_eq!(chain.response_sealed.as_deref(), Some(&b"sealed"[..]));
}

#[tokio::test]
async fn an_answer_is_read_only_for_the_token_that_was_replaced() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    refresh(&database.postgres, session, (1, 1), NOW).await.unwrap();
    assert!(chain(&database.postgres, session, 1).await.response_sealed.is_some());
    assert!(chain(&database.postgres, session, 2).await.response_sealed.is_none());
}

#[tokio::test]
async fn of_parallel_refreshes_with_one_token_one_replaces_it() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    let attempts = (0..4).map(|_| refresh(&database.postgres, session, (1, 1), NOW));
    let replaced: Vec<bool> = futures::future::join_all(attempts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(replaced.iter().filter(|replaced| **replaced).count(), 1, "{replaced:?}");
    assert_eq!(generations(&database, session).await, [(1, false), (2, true)]);
}

#[tokio::test]
async fn no_refresh_slips_past_a_logout() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    for round in 0..30_u8 {
        let session = Uuid::new_v4();
        open(&database.postgres, ada.id, session, 1).await;
        let (replaced, ended) = tokio::join!(
            refresh(&database.postgres, session, (1, 1), NOW),
            end(&database, ada.id, Scope::This(session))
        );
        replaced.unwrap();
        assert_eq!(ended, [session]);
        assert_eq!(
            sessions::find(&database.postgres, session, NOW).await.unwrap(),
            None,
            "round {round}"
        );
        let generation = chain(&database.postgres, session, 1).await.generation;
        assert!(
            !refresh(&database.postgres, session, (generation, generation), NOW)
                .await
                .unwrap(),
            "round {round}: what has ended is not refreshed"
        );
    }
}

#[tokio::test]
async fn a_refresh_that_waits_for_the_end_of_its_session_finds_it_ended() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    let tx = database.postgres.transaction("logout").await.unwrap();
    sessions::end(&tx, ada.id, Scope::All, "logout", NOW).await.unwrap();
    let waiting = async {
        let blocked = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%session_refresh%'";
        while database.raw.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tx.commit().await.unwrap();
    };
    let (replaced, ()) = tokio::join!(refresh(&database.postgres, session, (1, 1), NOW), waiting);
    assert!(!replaced.unwrap());
    assert_eq!(generations(&database, session).await, []);
}

#[tokio::test]
async fn logout_ends_this_the_others_or_all_and_says_which() {
    let database = Database::migrated().await;
    let (ada, bob) = (
        database.user("ada@example.com").await,
        database.user("bob@example.com").await,
    );
    let ids: Vec<Uuid> = (0..4).map(|_| Uuid::new_v4()).collect();
    for session in &ids {
        open(&database.postgres, ada.id, *session, 1).await;
    }
    let of_bob = Uuid::new_v4();
    open(&database.postgres, bob.id, of_bob, 1).await;
    let end = |user, scope| end(&database, user, scope);
    assert!(end(ada.id, Scope::This(of_bob)).await.is_empty(), "another's session");
    assert_eq!(end(ada.id, Scope::This(ids[0])).await, [ids[0]]);
    assert!(end(ada.id, Scope::This(ids[0])).await.is_empty(), "twice");
    let mut others = vec![ids[2], ids[3]];
    others.sort_unstable();
    assert_eq!(end(ada.id, Scope::Others(ids[1])).await, others);
    assert_eq!(end(ada.id, Scope::All).await, [ids[1]]);
    assert_eq!(sessions::count(&database.postgres).await.unwrap(), 1);
    assert_eq!(
        generations(&database, ids[0]).await,
        [],
        "no token of an ended session is kept"
    );
    assert_eq!(generations(&database, of_bob).await, [(1, false)]);
    assert_eq!(
        chain(&database.postgres, ids[0], 1).await.end_reason.as_deref(),
        Some("logout")
    );
}

#[tokio::test]
async fn a_proof_is_noted_on_ones_own_open_session_alone() {
    let database = Database::migrated().await;
    let (ada, bob) = (
        database.user("ada@example.com").await,
        database.user("bob@example.com").await,
    );
    let (session, ended) = (Uuid::new_v4(), Uuid::new_v4());
    open(&database.postgres, ada.id, session, 1).await;
    open(&database.postgres, ada.id, ended, 1).await;
    end(&database, ada.id, Scope::This(ended)).await;
    let (amr, later) = (["otp".to_owned()], NOW + Duration::from_secs(60));
    let tx = database.postgres.transaction("step_up").await.unwrap();
    assert!(!sessions::set_proof(&tx, session, bob.id, &amr, later).await.unwrap());
    assert!(!sessions::set_proof(&tx, ended, ada.id, &amr, later).await.unwrap());
    assert!(sessions::set_proof(&tx, session, ada.id, &amr, later).await.unwrap());
    tx.commit().await.unwrap();
    let chain = chain(&database.postgres, session, 1).await;
    assert_eq!((&chain.amr[..], chain.auth_time), (&amr[..], later));
}

#[tokio::test]
async fn a_device_is_new_to_an_account_once() {
    let database = Database::migrated().await;
    let (ada, bob) = (
        database.user("ada@example.com").await,
        database.user("bob@example.com").await,
    );
    let open = |user: Uuid, fingerprint| open(&database.postgres, user, Uuid::new_v4(), fingerprint);
    assert!(open(ada.id, 1).await);
    assert!(!open(ada.id, 1).await);
    assert!(open(ada.id, 2).await, "another device");
    assert!(open(bob.id, 1).await, "another account");
    let session = Uuid::new_v4();
    super::sessions::open(&database.postgres, ada.id, session, 1).await;
    let successor = Successor {
        session_id: session,
        live: 1,
        presented: 1,
        token_hash: [2; 32],
        expires_at: NOW + 30 * DAY,
        response_sealed: b"",
        user_agent: None,
        address: None,
        changed_fingerprint: Some([3; 32]),
    };
    assert!(sessions::refresh(&database.postgres, &successor, NOW).await.unwrap());
    assert!(!open(ada.id, 3).await, "a session went there");
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_ends_and_is_deleted_after_its_retention() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let (idle, busy) = (Uuid::new_v4(), Uuid::new_v4());
    for session in [idle, busy] {
        open(&database.postgres, ada.id, session, 1).await;
    }
    refresh(&database.postgres, busy, (1, 1), NOW + DAY).await.unwrap();
    let clean = async |now| {
        let before = Before::at(now, 60 * DAY, 60 * DAY);
        let removed = cleanup::run(&database.postgres, before).await.unwrap().unwrap();
        (removed.refresh_tokens, removed.sessions)
    };
    let hour = Duration::from_secs(3600);
    assert_eq!(clean(NOW + 30 * DAY + hour).await, (0, 0));
    let later = NOW + 30 * DAY + hour + Duration::from_secs(1);
    assert_eq!(
        clean(later).await,
        (2, 0),
        "the idle one's, and the one that the busy one's replaced"
    );
    assert_eq!(
        chain(&database.postgres, idle, 1).await.end_reason.as_deref(),
        Some(EXPIRED)
    );
    assert_eq!(generations(&database, busy).await, [(2, true)]);
    assert!(sessions::find(&database.postgres, busy, later).await.unwrap().is_some());
    assert_eq!(clean(NOW + 90 * DAY + Duration::from_secs(1)).await.1, 1);
    assert_eq!(refresh_tokens::find(&database.postgres, idle, 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_response_is_forgotten_after_its_grace() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    refresh(&database.postgres, session, (1, 1), NOW).await.unwrap();
    let forget = async |issued_before| {
        let responses = Responses {
            issued_before,
            ttl: 30 * DAY,
            within: Duration::from_secs(7200),
        };
        cleanup::forget_responses(&database.postgres, responses).await.unwrap()
    };
    assert_eq!(forget(NOW).await, 0);
    assert_eq!(forget(NOW + Duration::from_secs(1)).await, 1);
    assert_eq!(generations(&database, session).await, [(1, false), (2, false)]);
}

#[tokio::test]
async fn the_schema_refuses_a_second_token_of_one_generation() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let session = Uuid::new_v4();
    open(&database.postgres, ada.id, session, 1).await;
    let second = "INSERT INTO refresh_tokens (session_id, generation, expires_at, token_hash)
                  VALUES ($1, 1, now() + interval '1 day', sha256('other'))";
    let error = database.raw.execute(second, &[&session]).await.unwrap_err();
    let constraint = error.as_db_error().and_then(|error| error.constraint());
    assert_eq!(constraint, Some("refresh_tokens_pkey"));
}
