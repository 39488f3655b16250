//! Response times do not reveal whether there is an account.
//!
//! These tests measure time, which is about the machine when others run beside them: `make test` runs them after the
//! suite, alone (`cargo test --test it -- --ignored --test-threads=1 timing::`).
//!
//! Each account is asked about once, each name that nobody has as well: one that is asked about again and again has
//! counters and a queue that grow, which is a difference between old and new and not between known and unknown. The
//! kinds take turns, and who begins changes, so that a machine which is busy is busy for all of them. Of each kind the
//! middle half counts: what a scheduler does to single tries is no news about accounts. A machine whose load changes in
//! the midst may be measured again, with fresh accounts; a real difference is one every time.

mod login;
mod messages;

use std::time::{Duration, Instant};

use crate::support::{Connection, PASSWORD, Request, Sidecar};

/// The number of measurements per kind.
const TRIES: usize = 200;
/// The first few warm up statements, caches and the processor.
const WARM_UP: usize = 20;
/// The largest accepted difference of the means.
const AT_MOST: f64 = 0.05;
const ROUNDS: usize = 4;

/// Measures several kinds of requests in turns, each account once, and compares them. `question` gets the kind, and a
/// unique number.
async fn compare(
    sidecar: &Sidecar,
    what: &str,
    kinds: &[&str],
    status: u16,
    question: impl Fn(&str, usize) -> Request,
) {
    let mut connection = sidecar.connect().await;
    let mut seen = Vec::new();
    for round in 0..ROUNDS {
        let mut took = vec![Vec::new(); kinds.len()];
        for n in 0..TRIES + WARM_UP {
            for turn in 0..kinds.len() {
                let kind = (n + turn) % kinds.len();
                let request = question(kinds[kind], round * (TRIES + WARM_UP) + n).to_bytes();
                let time = timed(&mut connection, &request, status).await;
                if n >= WARM_UP {
                    took[kind].push(time);
                }
            }
        }
        let means: Vec<f64> = took.into_iter().map(mean).collect();
        let least = means.iter().copied().fold(f64::MAX, f64::min);
        let most = means.iter().copied().fold(0.0, f64::max);
        let apart = (most - least) / most;
        let said = format!("{what}: {kinds:?} take {means:.3?} ms, {:.1} % apart", apart * 1e2);
        println!("{said}");
        if apart <= AT_MOST {
            return;
        }
        seen.push(said);
    }
    panic!("{seen:#?}");
}

async fn timed(connection: &mut Connection, request: &[u8], status: u16) -> Duration {
    let asked = Instant::now();
    connection.send(request).await;
    let answer = connection.answer(false).await.expect("the connection is kept");
    let took = asked.elapsed();
    assert_eq!(answer.status(), status, "{}", answer.text());
    took
}

/// The mean of the middle half, in milliseconds.
fn mean(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let middle = &took[took.len() / 4..took.len() * 3 / 4];
    let sum: f64 = middle.iter().map(Duration::as_secs_f64).sum();
    sum * 1e3 / f64::from(u32::try_from(middle.len()).unwrap())
}

/// Creates accounts for a comparison: `{kind}{number}@example.com`, a day old, with the tests' password, and locked
/// until the time of the SQL expression.
async fn people(sidecar: &Sidecar, kind: &str, locked_until: &str) {
    let one = "one-for-its-hash";
    let database = sidecar.database().await;
    let exists = "SELECT count(*) FROM users WHERE email = 'one-for-its-hash@example.com'";
    if database.query_one(exists, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        sidecar.user(one).await;
    }
    let all = TRIES + WARM_UP;
    let insert = format!(
        "INSERT INTO users (email, password_hash, created_at, locked_until, locked_by)
         SELECT '{kind}' || n || '@example.com', one.password_hash, now() - interval '1 day', {locked_until}, CASE WHEN {locked_until} IS NOT NULL THEN 'failed_logins' END
         FROM generate_series(0, {last}) AS n, users AS one
         WHERE one.email = '{one}@example.com'",
        last = ROUNDS * all - 1,
    );
    database.execute(&insert, &[]).await.unwrap();
    database.batch_execute("ANALYZE users").await.unwrap();
}

/// The body of a login or a registration.
fn with_password(email: &str, password: Option<&str>) -> serde_json::Value {
    serde_json::json!({ "email": email, "password": password.unwrap_or(PASSWORD) })
}
