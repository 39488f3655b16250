//! Nobody learns from how long an answer takes who has an account. 200 known and 200 unknown addresses are asked about in turn,
//! and the means are compared.
//!
//! The slowest tenth of each is left out: on a machine that does other things it says what the machine did. Each comparison may
//! be made three times for the same reason; a difference that is real is there each time.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, PASSWORD, Sidecar, TestSidecar};

const TRIES: usize = 200;
const AT_MOST: f64 = 0.05;

/// The mean of all but the slowest tenth.
fn mean(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    took.truncate(took.len() * 9 / 10);
    took.iter().map(Duration::as_secs_f64).sum::<f64>() / f64::from(u32::try_from(took.len()).unwrap())
}

/// Asks about a known and an unknown address in turn, each question once, and compares.
async fn alike(sidecar: &Sidecar, what: &str, path: &str, body: impl Fn(&str, usize) -> serde_json::Value) {
    let mut connection = sidecar.connect().await;
    let mut round = 0;
    loop {
        round += 1;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for n in 0..TRIES + 20 {
            let number = round * 10_000 + n;
            // Which goes first changes, so that what one leaves behind slows down either.
            for is_known in [n % 2 == 0, n % 2 == 1] {
                let kind = if is_known { "known" } else { "unknown" };
                let request = sidecar.post(path).json(&body(kind, number));
                let took = timed(&mut connection, &request.to_bytes()).await;
                // The first few warm up statements, caches and the processor.
                if n >= 20 {
                    if is_known { &mut known } else { &mut unknown }.push(took);
                }
            }
        }
        assert_eq!((known.len(), unknown.len()), (TRIES, TRIES));
        let (known, unknown) = (mean(known), mean(unknown));
        let difference = (known - unknown).abs() / known.max(unknown);
        println!(
            "{what}: known {:.3} ms, unknown {:.3} ms, {:.1} % apart",
            known * 1e3,
            unknown * 1e3,
            difference * 1e2
        );
        if difference <= AT_MOST {
            return;
        }
        assert!(round < 3, "{what}: the means are {:.1} % apart", difference * 1e2);
    }
}

async fn timed(connection: &mut Connection, request: &[u8]) -> Duration {
    let asked = Instant::now();
    connection.send(request).await;
    let answer = connection.answer(false).await.expect("the connection is kept");
    let took = asked.elapsed();
    assert_eq!(answer.status(), 202, "{}", answer.text());
    took
}

/// One test, so that none of the three disturbs another.
#[tokio::test]
async fn known_and_unknown_addresses_cost_the_same() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("known").await;
    let email = |kind: &str, number: usize| match kind {
        "known" => "known@example.com".to_owned(),
        _ => format!("unknown{number}@example.com"),
    };
    alike(
        &sidecar,
        "forgotten password",
        "/auth/password/forgot",
        |kind, number| json!({ "email": email(kind, number) }),
    )
    .await;
    alike(
        &sidecar,
        "another code",
        "/auth/email/verify/resend",
        |kind, number| json!({ "email": email(kind, number) }),
    )
    .await;
    // Here a free address is registered, and then there is one more account.
    alike(
        &sidecar,
        "registration",
        "/auth/register",
        |kind, number| json!({ "email": email(kind, number), "password": PASSWORD }),
    )
    .await;
}
