//! The rows of the table.

use std::ops::AsyncFn;
use std::time::Duration;

use rustix::process::Signal;

use super::rig::{Accepted, Place, Rig, sign_out};
use super::{ISSUER, VERIFIER};
use crate::support::{FaultProxy, RedisSentinel, User, commands};

/// How often each row is repeated.
fn repeats() -> usize {
    let repeats = std::env::var("SIDEGATE_FAULT_REPEATS");
    repeats.map_or(5, |count| count.parse().expect("SIDEGATE_FAULT_REPEATS is a number"))
}

/// What was measured in the repeats of a row.
struct Measured {
    row: &'static str,
    all: Vec<Accepted>,
}

impl Measured {
    const fn new(row: &'static str) -> Self {
        Self { row, all: Vec::new() }
    }

    fn add(&mut self, accepted: Accepted) {
        assert!(
            accepted.verifier <= VERIFIER && accepted.issuer <= ISSUER,
            "{}: accepted after the bound: {accepted:?}",
            self.row
        );
        self.all.push(accepted);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let of = |part: fn(&Accepted) -> Duration| {
            let mut all: Vec<_> = self.all.iter().map(part).collect();
            all.sort();
            let at = |share: usize| {
                all.get(all.len().saturating_sub(1) * share / 100)
                    .copied()
                    .unwrap_or_default()
            };
            format!("{} | {}", at(50).as_millis(), at(100).as_millis())
        };
        println!(
            "fault | {} | {} | {} | {} |",
            self.row,
            self.all.len(),
            of(|accepted| accepted.issuer),
            of(|accepted| accepted.verifier)
        );
    }
}

/// One row: `fault` before the logout, `meanwhile` right after it, `heal` at the end.
async fn row(
    name: &'static str,
    rig: &mut Rig,
    fault: impl for<'a> AsyncFn(&'a mut Rig),
    meanwhile: impl for<'a> AsyncFn(&'a mut Rig),
    heal: impl for<'a> AsyncFn(&'a mut Rig),
) {
    let mut measured = Measured::new(name);
    for _ in 0..repeats() {
        let user = rig.sign_in().await;
        fault(rig).await;
        let answered = sign_out(&rig.first, &user).await;
        meanwhile(rig).await;
        measured.add(rig.watch(&user.access_token, answered, VERIFIER).await);
        heal(rig).await;
        recover(rig, &user).await;
    }
}

/// Until all is well again the token is refused, and after that, too.
async fn recover(rig: &Rig, user: &User) {
    let well = async {
        rig.wait_until_well().await;
    };
    let refused = async {
        loop {
            rig.assert_refused(&user.access_token, "while Redis recovered").await;
        }
    };
    tokio::select! {
        () = well => {}
        () = refused => unreachable!("it goes on until all is well"),
    }
    rig.assert_refused(&user.access_token, "after Redis recovered").await;
}

async fn nothing(_: &mut Rig) {}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_out_of_memory() {
    let mut rig = Rig::start().await;
    let full = async |rig: &mut Rig| rig.redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let free = async |rig: &mut Rig| rig.redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    row("out of memory (OOM)", &mut rig, full, nothing, free).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_read_only() {
    let mut rig = Rig::start().await;
    let demote = async |rig: &mut Rig| rig.redis.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let promote = async |rig: &mut Rig| rig.redis.command(&["REPLICAOF", "NO", "ONE"]).await;
    row("demoted (READONLY)", &mut rig, demote, nothing, promote).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_loading() {
    let mut rig = Rig::start().await;
    let mut measured = Measured::new("loading its file (LOADING)");
    for _ in 0..repeats() {
        let user = rig.sign_in().await;
        rig.redis.kill();
        let loading = tokio::spawn(answer_loading(rig.redis.port()));
        let answered = sign_out(&rig.first, &user).await;
        measured.add(rig.watch(&user.access_token, answered, VERIFIER).await);
        loading.abort();
        assert!(loading.await.unwrap_err().is_cancelled());
        rig.redis.start_again().await;
        recover(&rig, &user).await;
    }
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_killed() {
    let mut rig = Rig::start().await;
    let kill = async |rig: &mut Rig| rig.redis.kill();
    let start = async |rig: &mut Rig| rig.redis.start_again().await;
    row("killed", &mut rig, kill, nothing, start).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_frozen() {
    let mut rig = Rig::start().await;
    let stop = async |rig: &mut Rig| rig.redis.signal(Signal::STOP);
    let go_on = async |rig: &mut Rig| rig.redis.signal(Signal::CONT);
    row("frozen (SIGSTOP)", &mut rig, stop, nothing, go_on).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_restarted_empty() {
    let mut rig = Rig::start().await;
    let restart = async |rig: &mut Rig| {
        rig.redis.kill();
        rig.redis.start_again().await;
    };
    row("restarted empty", &mut rig, restart, nothing, nothing).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_emptied_after_the_logout_and_a_verifier_starts_afterwards() {
    let mut rig = Rig::start().await;
    let empty = async |rig: &mut Rig| {
        rig.redis.command(&["FLUSHALL"]).await;
        rig.verifier.start_anew();
    };
    row(
        "emptied (FLUSHALL), then a verifier starts",
        &mut rig,
        nothing,
        empty,
        ready,
    )
    .await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn redis_is_restarted_from_a_file_older_than_the_logout_and_a_verifier_starts_afterwards() {
    let mut rig = Rig::start().await;
    let save = async |rig: &mut Rig| rig.redis.command(&["SAVE"]).await;
    let restart = async |rig: &mut Rig| {
        rig.redis.kill();
        rig.redis.start_from_file().await;
        rig.verifier.start_anew();
    };
    row(
        "restarted from an older file, then a verifier starts",
        &mut rig,
        save,
        restart,
        ready,
    )
    .await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn a_replica_without_the_last_writes_is_promoted_by_a_sentinel_and_a_verifier_starts_afterwards() {
    let mut sentinel = RedisSentinel::start().await;
    let config = sentinel.config();
    let mut rig = Rig::on(&config).await;
    let mut measured = Measured::new("failover by Sentinel that loses the logout, then a verifier starts");
    for _ in 0..repeats() {
        let user = rig.sign_in().await;
        sentinel.hold_replication().await;
        let answered = sign_out(&rig.first, &user).await;
        rig.verifier.start_anew();
        let (accepted, ()) = tokio::join!(
            rig.watch(&user.access_token, answered, VERIFIER + 2 * VERIFIER),
            sentinel.fail_over()
        );
        measured.add(accepted);
        sentinel.replicate().await;
        ready(&mut rig).await;
        recover(&rig, &user).await;
    }
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn the_network_to_redis_is_a_black_hole() {
    let mut rig = Rig::start().await;
    let freeze = async |rig: &mut Rig| rig.networks().for_each(FaultProxy::freeze);
    let heal = async |rig: &mut Rig| rig.networks().for_each(FaultProxy::heal);
    row("black hole", &mut rig, freeze, nothing, heal).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn a_reply_of_the_wrong_type_is_not_taken_for_success() {
    let mut rig = Rig::start().await;
    let heal = async |rig: &mut Rig| rig.networks().for_each(FaultProxy::heal);
    let null = async |rig: &mut Rig| rig.network(Place::First).lie("$-1\r\n");
    row(
        "wrong replies ($-1) to the issuer that signs out",
        &mut rig,
        null,
        nothing,
        heal,
    )
    .await;
    let empty = async |rig: &mut Rig| rig.network(Place::First).lie("*0\r\n");
    row(
        "wrong replies (*0) to the issuer that signs out",
        &mut rig,
        empty,
        nothing,
        heal,
    )
    .await;
    let to_all = async |rig: &mut Rig| rig.networks().for_each(|network| network.lie("*0\r\n"));
    row("wrong replies (*0) to everybody", &mut rig, to_all, nothing, heal).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn an_issuer_that_is_cut_off_from_redis_is_killed() {
    let mut rig = Rig::start().await;
    let cut = async |rig: &mut Rig| rig.network(Place::First).cut();
    let kill = async |rig: &mut Rig| rig.first.kill();
    let start = async |rig: &mut Rig| {
        rig.network(Place::First).heal();
        rig.first.restart().await;
    };
    row("the issuer is cut off, then killed", &mut rig, cut, kill, start).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn an_issuer_that_is_cut_off_from_redis_is_drained_and_says_what_it_leaves() {
    let mut rig = Rig::start().await;
    let cut = async |rig: &mut Rig| rig.network(Place::First).freeze();
    let drain = async |rig: &mut Rig| rig.first.signal(Signal::TERM);
    let start = async |rig: &mut Rig| {
        rig.first.exit().await;
        let logs = rig.first.logs();
        assert!(logs.contains("revocations are left in the outbox"), "{logs}");
        rig.network(Place::First).heal();
        rig.first.restart().await;
    };
    row("the issuer is cut off, then drained", &mut rig, cut, drain, start).await;
}

#[tokio::test]
#[ignore = "measures time: run alone by `make test` and `make faults`"]
async fn the_wall_clock_of_a_verifier_in_a_black_hole_is_stepped_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offset");
    let step = |offset: &str| std::fs::write(&file, offset).unwrap();
    step("+0");
    let library = faketime();
    let mut rig = Rig::with_verifier(|verifier| {
        verifier
            .env("LD_PRELOAD", &library)
            .env("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap())
            .env("FAKETIME_CACHE_DURATION", "1")
            // The monotonic clock of a machine is never set.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    })
    .await;
    for (name, offset) in [
        ("black hole, and the verifier's clock is set back by 20 s", "-20"),
        ("black hole, and the verifier's clock is set forward by 20 s", "+20"),
    ] {
        let fault = async |rig: &mut Rig| {
            step(offset);
            rig.network(Place::Verifier).freeze();
        };
        let heal = async |rig: &mut Rig| {
            step("+0");
            rig.network(Place::Verifier).heal();
        };
        row(name, &mut rig, fault, nothing, heal).await;
    }
}

async fn ready(rig: &mut Rig) {
    rig.verifier.wait_until_ready().await;
}

/// The library that fakes the time, which `make faults` installs.
fn faketime() -> String {
    let folders = std::fs::read_dir("/usr/lib")
        .unwrap()
        .map(|folder| folder.unwrap().path());
    let mut files = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    let file = files.find(|file| file.exists());
    file.expect("faketime is installed: scripts/install-packages.sh faults")
        .display()
        .to_string()
}

/// A server that answers every command as Redis does while it reads its file.
async fn answer_loading(port: u16) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                let answer = "-LOADING Redis is loading the dataset in memory\r\n".repeat(commands(&buffer[..read]));
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}
