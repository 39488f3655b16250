//! The cost of `admit`, in instructions and allocations: the same in every run, however busy the machine is.
//!
//! The program runs itself under callgrind. Each row is a loop inside [`callgrind_window`], for which callgrind writes
//! a profile of its own, so that creating tokens and warming caches is not counted. Allocations are calls of the
//! allocator in that profile.

use std::{
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    rig::{CALLER, NOW, Rig},
    support::{knows_assertions, progress},
};
use http::Method;
use sidegate::{
    gate::{
        assertion::Bound,
        credentials,
        policy::{Facts, evaluate},
        rate_limit::Key,
        rules::route::{Access, OnStale},
        target::Target,
    },
    keys::Algorithm,
    store::revocations::{Revocation, Subject},
};

/// Set in the process that is measured.
const MEASURED: &str = "SIDEGATE_BENCH_MEASURED";

/// Runs the rows in the measured process, and prints how long each took.
pub(crate) fn be_measured_if_asked(wanted: Option<&str>) -> bool {
    let asked = std::env::var_os(MEASURED).is_some();
    if asked {
        for row in rows(wanted) {
            eprintln!("ROW {}\t{}\t{:.0}", row.iterations, row.name, row.nanos);
        }
    }
    asked
}

/// Prints the table of the rows whose names hold `wanted`.
pub(crate) fn table(wanted: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    progress("counting instructions of admit under callgrind");
    let counted = measure(dir.path(), wanted, true);
    progress("timing the same without it");
    let timed = measure(dir.path(), wanted, false);
    println!("\n### Instructions and allocations of the gate, per call\n");
    println!("| | instructions | allocations | ns on this machine |\n|---|---:|---:|---:|");
    for (index, row) in timed.iter().enumerate() {
        let profile = Profile::read(&dir.path().join(format!("profile.{}", index + 1)));
        let per_call = |total: u64| total as f64 / f64::from(counted[index].iterations);
        println!(
            "| {} | {:.0} | {:.2} | {:.0} |",
            row.name,
            per_call(profile.instructions),
            per_call(profile.allocations),
            row.nanos
        );
    }
}

/// One line of the table.
struct Row {
    name: String,
    iterations: u32,
    nanos: f64,
}

/// Runs this program again, under callgrind or as it is.
fn measure(dir: &Path, wanted: Option<&str>, counting: bool) -> Vec<Row> {
    let program = std::env::current_exe().unwrap();
    let mut command = if counting {
        let mut command = Command::new("valgrind");
        command
            .args([
                "--tool=callgrind",
                "--zero-before=gate::instructions::callgrind_window",
                "--dump-after=gate::instructions::callgrind_window",
            ])
            .arg("--compress-strings=no")
            .arg("--compress-pos=no")
            .arg(format!("--callgrind-out-file={}/profile", dir.display()))
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    let output = command
        .args(wanted)
        .env(MEASURED, if counting { "counting" } else { "timing" })
        .stdout(Stdio::inherit())
        .output()
        .expect("valgrind is installed (scripts/install-packages.sh bench)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let row = |line: &str| {
        let mut fields = line.strip_prefix("ROW ")?.split('\t');
        Some(Row {
            iterations: fields.next()?.parse().unwrap(),
            name: fields.next()?.to_owned(),
            nanos: fields.next()?.parse().unwrap(),
        })
    };
    text.lines().filter_map(row).collect()
}

/// What callgrind wrote for one window.
struct Profile {
    instructions: u64,
    allocations: u64,
}

impl Profile {
    fn read(path: &Path) -> Self {
        // The functions that Rust calls; their own calls are not counted again.
        const ALLOCATORS: [&str; 6] = [
            "mi_malloc_aligned",
            "mi_zalloc_aligned",
            "mi_realloc_aligned",
            "malloc",
            "calloc",
            "realloc",
        ];
        let text = std::fs::read_to_string(path).unwrap();
        let (mut instructions, mut allocations, mut callee) = (0, 0, "");
        for line in text.lines() {
            if let Some(total) = line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")) {
                instructions = total.trim().parse().unwrap();
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = name;
            } else if let Some(calls) = line.strip_prefix("calls=")
                && ALLOCATORS.contains(&callee)
            {
                allocations += calls.split(' ').next().unwrap().parse::<u64>().unwrap();
            }
        }
        Self {
            instructions,
            allocations,
        }
    }
}

/// The part that callgrind counts: only the calls of `body`.
#[inline(never)]
fn callgrind_window(iterations: u32, body: &mut dyn FnMut(u32)) {
    for index in 0..iterations {
        body(index);
    }
}

/// Runs the rows one after the other.
struct Rows<'a> {
    wanted: Option<&'a str>,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn wants(&self, name: &str) -> bool {
        self.wanted.is_none_or(|wanted| name.contains(wanted))
    }

    /// `body` gets numbers from 0; the first calls warm up and are not counted.
    fn row(&mut self, name: &str, warm_up: u32, iterations: u32, mut body: impl FnMut(u32)) {
        if !self.wants(name) {
            return;
        }
        (0..warm_up).for_each(&mut body);
        let mut shifted = |index: u32| body(warm_up + index);
        let begun = Instant::now();
        callgrind_window(iterations, &mut shifted);
        let nanos = begun.elapsed().as_nanos() as f64 / f64::from(iterations);
        self.rows.push(Row {
            name: name.to_owned(),
            iterations,
            nanos,
        });
    }
}

fn rows(wanted: Option<&str>) -> Vec<Row> {
    let mut rows = Rows {
        wanted,
        rows: Vec::new(),
    };
    let rig = Rig::new(10);
    let _inside = rig.runtime.enter();
    warm(&mut rows, &rig);
    cold(&mut rows, &rig);
    steps(&mut rows, &rig);
    growth(&mut rows);
    rows.rows
}

/// `admit` as a whole, with everything it needs in memory.
fn warm(rows: &mut Rows<'_>, rig: &Rig) {
    let requests = rig.requests(Algorithm::Es256, 0..1_000);
    let one = &requests[0];
    rows.row("admit, public", 100, 1_000, |_| drop(rig.admit("/plain/x", one)));
    rows.row("admit, cached token, 1 distinct", 200, 1_000, |_| {
        drop(rig.admit("/token/x", one));
    });
    rows.row("admit, cached token, 1,000 distinct", 2_000, 2_000, |index| {
        drop(rig.admit("/token/x", &requests[index as usize % 1_000]));
    });
    rows.row("admit, cached token, policy of five rules", 200, 1_000, |_| {
        drop(rig.admit("/policy/x", one));
    });
    rows.row(
        "admit, cached token, leased limit (Redis once in 50)",
        500,
        1_000,
        |_| {
            drop(rig.admit("/limited/x", one));
        },
    );
    rows.row("admit, cached token, policy and limit", 500, 1_000, |_| {
        drop(rig.admit("/full/x", one));
    });
}

/// `admit` of tokens that were never seen.
fn cold(rows: &mut Rows<'_>, rig: &Rig) {
    for algorithm in [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let requests = rig.requests(algorithm, 10_000..10_060);
        rows.row(&format!("admit, cold token, {algorithm}"), 10, 50, |index| {
            drop(rig.admit("/token/x", &requests[index as usize]));
        });
    }
    // A forged signature: verified once, then known for a while.
    let forged = rig.signers.token(Algorithm::Es256, 20_000, NOW.unix_timestamp());
    let (input, _) = forged.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", "A".repeat(86));
    rows.row("verify, forged token seen before", 10, 1_000, |_| {
        black_box(rig.gate.verifier.caller(&forged, &rig.rules, NOW)).unwrap_err();
    });
}

/// The steps, one by one.
fn steps(rows: &mut Rows<'_>, rig: &Rig) {
    let one = &rig.request(Algorithm::Es256, 0);
    let table = &rig.rules.routes;
    rows.row("target", 10, 1_000, |_| {
        black_box(Target::read(black_box(b"/token/x?page=2"))).unwrap();
    });
    rows.row("route", 10, 1_000, |_| {
        black_box(table.find("app.test", black_box("/token/x"), &Method::GET)).unwrap();
    });
    rows.row("credentials", 10, 1_000, |_| {
        black_box(credentials::bearer(black_box(one)).unwrap().unwrap());
    });
    let token = credentials::bearer(one).unwrap().unwrap();
    rows.row("verify, cached", 200, 1_000, |_| {
        black_box(rig.gate.verifier.caller(token, &rig.rules, NOW)).unwrap();
    });
    let caller = rig.gate.verifier.caller(token, &rig.rules, NOW).unwrap();
    let revocations = &rig.gate.revocations;
    rows.row("revocation", 10, 1_000, |_| {
        let live = rig.outcome(revocations.check(&caller, OnStale::Check, &rig.rules));
        black_box(live).unwrap();
    });
    let route = table.find("app.test", "/full/x", &Method::GET).unwrap();
    rows.row("rate limit, leased (Redis once in 50)", 500, 1_000, |_| {
        let limit = &route.rate_limits[0];
        let key = Key::of(limit, route, Some(&caller.identity), CALLER);
        let drawn = rig.outcome(rig.gate.limiter.take(limit, &key, NOW));
        black_box(drawn).unwrap();
    });
    let Access::Policy(policy) = &route.access else {
        unreachable!("it has one")
    };
    rows.row("policy of five rules", 10, 1_000, |_| {
        let facts = Facts {
            caller: Some(&caller.identity),
            method: &Method::GET,
            address: CALLER,
            now: NOW,
        };
        black_box(evaluate(policy, black_box(&facts)));
    });
    rows.row("identity headers, rendered before", 10, 1_000, |_| {
        caller.headers(&route.identity, &mut |name, value| {
            black_box((name, value));
        });
    });
    if knows_assertions() {
        let permit = rig.admit("/asserted/x", one);
        rows.row("assertion, signed before", 10, 1_000, |_| {
            let bound = Bound {
                method: &Method::GET,
                scheme: "http",
                authority: b"app.test",
                target: b"/asserted/x",
            };
            black_box(rig.gate.asserter.assert(&permit, &bound, NOW)).unwrap();
        });
    }
    rows.row("strip: the names of 6 header fields", 10, 1_000, |_| {
        for name in one.keys() {
            black_box(rig.rules.family.class(black_box(name.as_str())));
        }
    });
}

/// The same call with larger data.
fn growth(rows: &mut Rows<'_>) {
    for more in [10, 1_000, 10_000] {
        let name = format!("admit, cached token, {more} routes");
        // Reading ten thousand routes under callgrind takes a while.
        if !rows.wants(&name) {
            continue;
        }
        let rig = Rig::new(more);
        let _inside = rig.runtime.enter();
        let one = &rig.request(Algorithm::Es256, 0);
        rows.row(&name, 200, 1_000, |_| {
            drop(rig.admit("/token/x", one));
        });
    }
    let rig = Rig::new(10);
    let _inside = rig.runtime.enter();
    let view = &rig.gate.revocations.view;
    let one = &rig.request(Algorithm::Es256, 0);
    for revocations in [0, 1_000, 100_000] {
        for index in view.len()..revocations {
            view.revoke(&Revocation {
                subject: Subject::Session(format!("gone-{index}")),
                expires_at: NOW + Duration::from_secs(7200),
            });
        }
        rows.row(
            &format!("admit, cached token, {revocations} revocations"),
            200,
            1_000,
            |_| {
                drop(rig.admit("/token/x", one));
            },
        );
    }
}
