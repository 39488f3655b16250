//! A path means to real servers what it means to the gate: random targets, each spelled in the ways that routes can
//! allow. Whatever passes for a route, each server has to serve as that route, or refuse.
//!
//! `make test` tries some thousand targets, `make paths` 200,000; `SIDEGATE_PATH_TARGETS` sets the number, and the seed of
//! a run is printed and can be given back as `SIDEGATE_PATH_SEED`. The servers are installed by
//! `scripts/install-packages.sh paths` and `scripts/install-node-modules.sh`.

mod programs;
mod routes;
mod targets;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::programs::{Listener, Servers};
use self::routes::{Allowed, Judge};
use crate::support::{Connection, TestSidecar};

/// A target that passed.
struct Passed {
    /// What the application receives.
    forwarded: String,
    route: String,
    /// For a failure.
    sent: String,
    allowed: Allowed,
}

/// What a server did with the targets.
#[derive(Default)]
struct Tally {
    served: usize,
    refused: usize,
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Tomcat, Jetty, nginx and others: `make test` and `make paths` install them and run it"]
async fn real_servers_serve_a_target_as_the_route_it_passed_for() {
    let servers = Servers::start().await;
    let (drawn, passed) = passed(number());
    println!("{drawn} targets, of which {} pass", passed.len());
    assert!(
        passed.len() * 10 > drawn,
        "most targets are refused, so that nothing is tested"
    );

    let tallies = futures::future::join_all(servers.listeners().iter().map(|listener| serve(listener, &passed)));
    let mut wrong = Vec::new();
    for (listener, tally) in servers.listeners().iter().zip(tallies.await) {
        println!(
            "{:<28} serves {}, refuses {}, as another route {}",
            listener.name,
            tally.served,
            tally.refused,
            tally.wrong.len()
        );
        assert!(
            tally.served * 10 > passed.len(),
            "{} refuses most targets",
            listener.name
        );
        wrong.extend(tally.wrong.into_iter().take(20));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Tomcat, Jetty, nginx and others: `make test` and `make paths` install them and run it"]
async fn what_the_binary_forwards_is_served_as_its_route() {
    let servers = Servers::start().await;
    let everything = Allowed::all().next_back().unwrap();
    let judge = Judge::new(everything);
    for listener in servers.listeners().iter().filter(|listener| listener.sample) {
        let upstream = format!(
            "upstreams: {{ app: {{ servers: ['http://127.0.0.1:{}'] }} }}",
            listener.port
        );
        let mut sidecar = TestSidecar::new().config(&upstream);
        for route in everything.routes() {
            sidecar = sidecar.route_yaml(&route);
        }
        let sidecar = sidecar.start().await;
        let mut served = 0;
        for target in targets::draw(seed()).take(500).map(|target| everything.place(&target)) {
            let answer = sidecar.get(&target).send().await;
            let refused_by_gate = answer.header("content-type") == Some("application/problem+json");
            match judge.judge(&target) {
                None => assert!(refused_by_gate, "{target} of {}: {}", listener.name, answer.text()),
                Some((route, _)) => {
                    assert!(!refused_by_gate, "{target} of {}: {}", listener.name, answer.text());
                    if answer.status() == 200 {
                        assert_eq!(others(&answer.text(), &route), [""; 0], "{target} of {}", listener.name);
                        served += 1;
                    }
                }
            }
        }
        assert!(served > 50, "{} served only {served}", listener.name);
    }
}

/// Random targets for every combination of `allow`, with and without a prefix that is stripped: how many were drawn, and
/// those that pass.
fn passed(wanted: usize) -> (usize, Vec<Passed>) {
    let combinations: Vec<_> = Allowed::all().map(|allowed| (allowed, Judge::new(allowed))).collect();
    let mut by_combination = BTreeMap::new();
    let mut passed = Vec::new();
    for (target, (allowed, judge)) in targets::draw(seed()).zip(combinations.iter().cycle()).take(wanted) {
        let sent = allowed.place(&target);
        let Some((route, forwarded)) = judge.judge(&sent) else {
            continue;
        };
        *by_combination.entry(allowed.to_string()).or_insert(0) += 1;
        passed.push(Passed {
            forwarded,
            route,
            sent,
            allowed: *allowed,
        });
    }
    println!("passed by what is allowed: {by_combination:?}");
    assert_eq!(
        by_combination.len(),
        combinations.len(),
        "every combination lets some pass"
    );
    (wanted, passed)
}

/// Sends every target to a server, over a few connections that stay open.
async fn serve(listener: &Listener, passed: &[Passed]) -> Tally {
    let next = AtomicUsize::new(0);
    let connections = (0..listener.connections).map(|_| async {
        let mut tally = Tally::default();
        let mut connection = Connection::open(listener.port).await;
        while let Some(one) = passed.get(next.fetch_add(1, Ordering::Relaxed)) {
            let request = format!("GET {} HTTP/1.1\r\nHost: app.test\r\n\r\n", one.forwarded);
            let mut tries = 0;
            let answer = loop {
                connection.send(request.as_bytes()).await;
                if let Some(answer) = connection.answer(false).await {
                    break answer;
                }
                // Closed since the last response.
                tries += 1;
                assert!(tries < 20, "{} does not answer {}", listener.name, one.forwarded);
                connection = Connection::open(listener.port).await;
            };
            let closes = answer
                .header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"));
            if closes || answer.status() == 400 {
                connection = Connection::open(listener.port).await;
            }
            if answer.status() != 200 {
                tally.refused += 1;
                continue;
            }
            tally.served += 1;
            let others = others(&answer.text(), &one.route);
            if !others.is_empty() {
                tally.wrong.push(format!(
                    "{}: {} (sent {}, allowed {}) passed as {} and is {}",
                    listener.name,
                    one.forwarded,
                    one.sent,
                    one.allowed,
                    one.route,
                    others.join(", ")
                ));
            }
        }
        tally
    });
    let mut all = Tally::default();
    for tally in futures::future::join_all(connections).await {
        all.served += tally.served;
        all.refused += tally.refused;
        all.wrong.extend(tally.wrong);
    }
    all
}

/// The readings of a response (`name=route …`) that led to another route. A reading that a library refuses is `-`.
fn others(body: &str, route: &str) -> Vec<String> {
    let readings = body.split_whitespace();
    assert!(body.contains('='), "not a response of the programs: {body}");
    let other = |reading: &&str| {
        reading
            .split_once('=')
            .is_none_or(|(_, found)| found != route && found != "-")
    };
    readings.filter(other).map(str::to_owned).collect()
}

fn number() -> usize {
    std::env::var("SIDEGATE_PATH_TARGETS").map_or(4_000, |number| number.parse().unwrap())
}

fn seed() -> u64 {
    let given = std::env::var("SIDEGATE_PATH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::try_from(sidegate::clock::now().unix_timestamp()).unwrap());
    println!("SIDEGATE_PATH_SEED={seed}");
    seed
}
