//! The cost of a refresh for the database: bytes of WAL, HOT updates, and tables that do not grow.
//!
//! The full measure, a thousand refreshes of each of a thousand sessions, takes minutes:
//!
//!     cargo run -- dev --run -- cargo test --test it -- --ignored --nocapture a_million_refreshes

use std::time::{Duration, Instant};

use futures::future::join_all;
use sidegate::store::sql;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fixture::{Database, NOW};
use super::sessions::open;

/// The approximate size of an encrypted response: an access token of 700 characters, a refresh token, and JSON around
/// them.
const ANSWER: usize = 1_000;

/// The refreshes of sessions, by the statement that the program runs.
struct Refreshes<'a> {
    database: &'a Database,
    statement: Statement,
    sessions: Vec<Uuid>,
}

impl<'a> Refreshes<'a> {
    async fn of(database: &'a Database, sessions: usize) -> Self {
        let ada = database.user("ada@example.com").await;
        let sessions = (0..sessions).map(|_| Uuid::new_v4()).collect::<Vec<_>>();
        for session in &sessions {
            open(&database.postgres, ada.id, *session, 1).await;
        }
        Self {
            database,
            statement: database.raw.prepare(sql::SESSION_REFRESH.text).await.unwrap(),
            sessions,
        }
    }

    /// Refreshes each session once, a part at a time, each part followed by a VACUUM as autovacuum would run it: at a
    /// twentieth of the rows.
    async fn round(&self, generation: i32) {
        for part in self.sessions.chunks(self.sessions.len().div_ceil(20)) {
            let refreshed = join_all(part.iter().map(|session| self.one(*session, generation))).await;
            assert_eq!(refreshed.iter().sum::<u64>(), u64::try_from(part.len()).unwrap());
            for vacuum in ["VACUUM sessions", "VACUUM refresh_tokens"] {
                self.database.raw.batch_execute(vacuum).await.unwrap();
            }
        }
    }

    async fn one(&self, session: Uuid, generation: i32) -> u64 {
        let now = NOW + Duration::from_secs(600) * generation.unsigned_abs();
        let expires_at = now + Duration::from_secs(30 * 86_400);
        let answer = vec![7_u8; ANSWER];
        let hash = vec![9_u8; 32];
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let address: std::net::IpAddr = "192.0.2.1".parse().unwrap();
        let params: [&(dyn ToSql + Sync); 10] = [
            &session,
            &generation,
            &generation,
            &now,
            &hash,
            &expires_at,
            &answer,
            &agent,
            &address,
            &None::<Vec<u8>>,
        ];
        self.database.raw.execute(&self.statement, &params).await.unwrap()
    }

    /// Bytes of `sessions` and `refresh_tokens`, without and with their indexes.
    async fn size(&self) -> (i64, i64) {
        let size = "SELECT pg_relation_size('sessions') + pg_relation_size('refresh_tokens'),
                           pg_total_relation_size('sessions') + pg_total_relation_size('refresh_tokens')";
        let row = self.database.raw.query_one(size, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// The fraction of updates of `sessions` that changed no index (HOT).
    async fn updated_in_place(&self) -> f64 {
        let flush = "SELECT pg_stat_force_next_flush()";
        self.database.raw.batch_execute(flush).await.unwrap();
        let part = "SELECT n_tup_hot_upd::float8 / n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";
        self.database.raw.query_one(part, &[]).await.unwrap().get(0)
    }

    async fn wal(&self) -> i64 {
        let position = "SELECT (pg_current_wal_insert_lsn() - '0/0')::int8";
        self.database.raw.query_one(position, &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn sessions_do_not_grow_with_refreshes_and_are_updated_in_place() {
    let database = Database::migrated().await;
    let refreshes = Refreshes::of(&database, 200).await;
    refreshes.round(1).await;
    let (first, _) = refreshes.size().await;
    for generation in 2..=20 {
        refreshes.round(generation).await;
    }
    let (last, _) = refreshes.size().await;
    assert!(
        last * 2 <= first * 3,
        "{first} bytes after one refresh, {last} after twenty"
    );
    let in_place = refreshes.updated_in_place().await;
    assert!(in_place >= 0.9, "{in_place}");
}

#[tokio::test]
async fn a_refresh_writes_at_most_two_kilobytes_of_wal() {
    let database = Database::migrated().await;
    let refreshes = Refreshes::of(&database, 1).await;
    for generation in 1..=3 {
        refreshes.one(refreshes.sessions[0], generation).await;
    }
    // Of this statement alone, whatever other tests write. The pages were written before, so that none is logged whole.
    let explain = format!(
        "EXPLAIN (ANALYZE, WAL, TIMING OFF, FORMAT JSON) {}",
        literal(refreshes.sessions[0], 4)
    );
    let plan: serde_json::Value = database.raw.query_one(&explain, &[]).await.unwrap().get(0);
    let (bytes, pages) = (&plan[0]["Plan"]["WAL Bytes"], &plan[0]["Plan"]["WAL FPI"]);
    assert_eq!(pages, 0, "{plan}");
    assert!((200..=2_000).contains(&bytes.as_i64().unwrap()), "{bytes}");
}

/// The statement with its parameters inserted, because EXPLAIN takes none.
fn literal(session: Uuid, generation: i32) -> String {
    let values = [
        format!("'{session}'::uuid"),
        format!("{generation}"),
        format!("{generation}"),
        "timestamptz '2026-11-24 12:00+00'".to_owned(),
        "sha256('next')".to_owned(),
        "timestamptz '2026-12-24 12:00+00'".to_owned(),
        format!("decode(repeat('07', {ANSWER}), 'hex')"),
        "'curl'".to_owned(),
        "inet '192.0.2.1'".to_owned(),
        "NULL".to_owned(),
    ];
    let text = sql::SESSION_REFRESH.text.split_once("\n\n").unwrap().1.to_owned();
    // From the last, so that $1 is not taken out of $10.
    (1..=values.len()).rev().fold(text, |text, number| {
        text.replace(&format!("${number}"), &values[number - 1])
    })
}

#[tokio::test]
#[ignore = "a million statements: minutes"]
async fn a_million_refreshes_of_a_thousand_sessions_leave_the_tables_as_they_were() {
    let (sessions, rounds) = (1_000, 1_000);
    let database = Database::migrated().await;
    let refreshes = Refreshes::of(&database, sessions).await;
    refreshes.round(1).await;
    let first = refreshes.size().await;
    let (started, before) = (Instant::now(), refreshes.wal().await);
    for generation in 2..=rounds {
        refreshes.round(generation).await;
    }
    let last = refreshes.size().await;
    let rows = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM refresh_tokens)";
    let rows = database.raw.query_one(rows, &[]).await.unwrap();
    let wal = (refreshes.wal().await - before) / (i64::from(rounds - 1) * 1_000);
    println!(
        "{} sessions, {} refresh tokens; tables {} -> {} bytes, with indexes {} -> {}; WAL {wal} bytes a refresh, with whole \
         pages and VACUUM; HOT {:.3}; {:?}",
        rows.get::<_, i64>(0),
        rows.get::<_, i64>(1),
        first.0,
        last.0,
        first.1,
        last.1,
        refreshes.updated_in_place().await,
        started.elapsed(),
    );
    assert!(last.0 * 2 <= first.0 * 3, "{first:?} {last:?}");
    assert!(refreshes.updated_in_place().await >= 0.9);
}
