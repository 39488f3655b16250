//! How costs grow: the time of `admit` and resident memory with many routes, cached tokens and revocations.
//!
//! Each row is a process of its own, so that none reuses the memory of another. Its time is the minimum of many
//! batches, which is the time without other processes on the core.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use http::HeaderMap;
use sidegate::{
    keys::Algorithm,
    store::revocations::{Revocation, Subject},
};

use crate::{
    rig::{NOW, Rig},
    support::{progress, resident_bytes},
};

/// Set in the measured process, to the kind of data that is large.
const MANY: &str = "SIDEGATE_BENCH_MANY";
/// As many tokens are in use at one time.
const IN_USE: usize = 10_000;

/// In the process that is measured: prints what it found.
pub(crate) fn be_measured_if_asked() -> bool {
    let Ok(many) = std::env::var(MANY) else { return false };
    let (what, count) = many.split_once(' ').unwrap();
    let (nanos, bytes) = with(what, count.parse().unwrap());
    println!("{nanos} {bytes}");
    true
}

/// Prints the table.
pub(crate) fn table() {
    let table: [(&str, &str, &[usize]); 3] = [
        ("routes", "routes", &[10, 1_000, 10_000]),
        ("cached tokens", "tokens", &[1, 1_000, 100_000, 1_000_000]),
        ("revocations", "revocations", &[0, 1_000, 1_000_000]),
    ];
    println!("\n### With more of everything: `admit` of a cached token\n");
    println!("| | | ns | more than the first | bytes each |\n|---|---:|---:|---:|---:|");
    for (name, what, counts) in table {
        let mut first = None;
        for &count in counts {
            progress(&format!("{count} {name}"));
            let (nanos, bytes) = measure(what, count);
            let first = *first.get_or_insert(nanos);
            let each = if count < 1_000 {
                String::new()
            } else {
                format!("{:.0}", bytes / count as f64)
            };
            println!("| {name} | {count} | {nanos:.0} | {:+.0} ns | {each} |", nanos - first);
        }
    }
}

/// In a process of its own.
fn measure(what: &str, count: usize) -> (f64, f64) {
    let output = Command::new(std::env::current_exe().unwrap())
        .env(MANY, format!("{what} {count}"))
        // What growth leaves behind goes back to the system within milliseconds while a process works: here at once,
        // since this one is looked at as soon as it has grown.
        .env("MIMALLOC_PURGE_DELAY", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (nanos, bytes) = text.trim().split_once(' ').unwrap_or_else(|| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (nanos.parse().unwrap(), bytes.parse().unwrap())
}

/// The least nanoseconds of an `admit`, and by how many bytes the process grew.
fn with(what: &str, count: usize) -> (f64, f64) {
    let rig = Rig::new(if what == "routes" { count } else { 10 });
    let _inside = rig.runtime.enter();
    let tokens = if what == "tokens" { count } else { 1 };
    // Those that are asked for below, spread evenly over all; they are made before memory is looked at.
    let step = tokens.div_ceil(IN_USE);
    let in_use: Vec<HeaderMap> = (0..tokens)
        .step_by(step)
        .map(|caller| rig.request(Algorithm::Hs256, caller))
        .collect();
    let before = resident_bytes("self");
    if what == "revocations" {
        for index in 0..count {
            let view = &rig.gate.revocations.view;
            view.revoke(&Revocation {
                subject: Subject::Session(format!("gone-{index}")),
                expires_at: NOW + Duration::from_secs(7200),
            });
        }
    }
    for caller in 0..tokens {
        use_once(&rig, &rig.request(Algorithm::Hs256, caller));
    }
    let grown = resident_bytes("self").saturating_sub(before);
    let mut least = f64::INFINITY;
    for _ in 0..50 {
        let calls = in_use.len().max(1_000);
        let begun = Instant::now();
        for index in 0..calls {
            use_once(&rig, &in_use[index % in_use.len()]);
        }
        least = least.min(begun.elapsed().as_nanos() as f64 / calls as f64);
    }
    (least, grown as f64)
}

/// One request as far as the upstream: with its identity headers, which the cache then holds too.
fn use_once(rig: &Rig, headers: &HeaderMap) {
    let permit = rig.admit("/token/x", headers);
    let caller = permit.caller().expect("it carried a token");
    caller.headers(&permit.route().identity, &mut |name, value| {
        std::hint::black_box((name, value));
    });
}
