//! The attacks of `tests/corpus`, each sent byte for byte to the real binary.

mod case;

use serde_json::Value;

use self::case::Case;
use crate::support::{Sidecar, TestIssuer, TestSidecar};

/// The installation that the cases of the corpus refer to. `tests/corpus/README.md` shows it as a table.
const ROUTES: [&str; 15] = [
    "{ id: open, match: { path: /open/** }, upstream: app, access: public }",
    "{ id: maybe, match: { path: /maybe/** }, upstream: app, access: optional }",
    "{ id: api, match: { path: /api/** }, upstream: app, access: authenticated }",
    "{ id: admin, match: { path: /admin/** }, upstream: app, access: admins }",
    "{ id: lenient, match: { path: /lenient/** }, upstream: app, access: public, \
     allow: { encoded_slash: true, semicolon: true, double_slash: true } }",
    "{ id: locked, match: { path: /lenient/locked/** }, upstream: app, access: authenticated }",
    "{ id: strip, match: { path: /strip/** }, upstream: app, access: public, strip_prefix: /strip }",
    "{ id: strip-lenient, match: { path: /strip-lenient/** }, upstream: app, access: public, strip_prefix: /strip-lenient, \
     allow: { encoded_slash: true, semicolon: true, double_slash: true } }",
    "{ id: strip-locked, match: { path: /strip-lenient/locked/** }, upstream: app, access: authenticated }",
    "{ id: small, match: { path: /small/** }, upstream: app, access: public, body_bytes: 1KiB }",
    "{ id: reads, match: { path: /mixed/**, methods: [GET, HEAD] }, upstream: app, access: public }",
    "{ id: writes, match: { path: /mixed/** }, upstream: app, access: authenticated }",
    "{ id: secret-host, match: { host: secret.example.test }, upstream: app, access: authenticated }",
    "{ id: pages, match: { path: /pages/** }, upstream: app, access: authenticated, \
     cors: { origins: ['https://app.example.test'], credentials: true } }",
    "{ id: other-hosts, match: { host: '*.example.test' }, upstream: app, access: public }",
];

const CONFIG: &str = "
policies: { admins: [{ allow: { role: admin } }] }
auth: { session_cookie: __Host-session }
identity_headers: { add: { X-Tenant: { claim: tenant } } }
";

const LEAST: usize = 150;

#[tokio::test]
async fn every_attack_of_the_corpus_is_answered_as_written() {
    let issuer = TestIssuer::new();
    let mut sidecar = TestSidecar::new().config(&issuer.config()).config(CONFIG);
    for route in ROUTES {
        sidecar = sidecar.route_yaml(route);
    }
    let sidecar = sidecar.start().await;
    let cases = corpus();
    assert!(cases.len() >= LEAST, "{} cases", cases.len());

    let mut wrong = Vec::new();
    for case in &cases {
        // One after the other, so that what the upstream received belongs to this case.
        if let Err(difference) = attack(&sidecar, &issuer, case).await {
            wrong.push(format!("{}: {}\n    {difference}", case.place, case.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );

    for seen in sidecar.upstream().seen() {
        assert!(!seen.request_line.contains("smuggled"), "{seen:?}");
        assert!(
            seen.header_family("x-forwarded-user").iter().all(|user| *user == "zoe"),
            "{seen:?}"
        );
    }
}

#[test]
fn every_case_says_what_the_attacker_wanted_and_where_it_is_known_from() {
    for case in corpus() {
        assert!(
            !case.name.is_empty() && !case.from.is_empty() && !case.answer.is_empty(),
            "{}",
            case.place
        );
    }
}

fn corpus() -> Vec<Case> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|ext| ext == "txt"))
        .collect();
    files.sort();
    let read = |file| Case::all(file, &std::fs::read_to_string(file).unwrap());
    files.iter().flat_map(|file| read(file)).collect()
}

async fn attack(sidecar: &Sidecar, issuer: &TestIssuer, case: &Case) -> Result<(), String> {
    let before = sidecar.upstream().seen().len();
    let mut connection = sidecar.connect().await;
    connection.send(&case.bytes(issuer)).await;
    let answer = connection.answer(case.is_head()).await;
    let said = match &answer {
        None => "closed".to_owned(),
        Some(answer) if !case.answer.contains(' ') => answer.status().to_string(),
        Some(answer) => {
            let problem: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            format!("{} {}", answer.status(), problem["code"].as_str().unwrap_or("-"))
        }
    };
    if said != case.answer {
        return Err(format!("expected {}, got {said}", case.answer));
    }
    if case.closes && !connection.is_closed_within(std::time::Duration::from_secs(10)).await {
        return Err("expected the connection to be closed".to_owned());
    }
    let seen = sidecar.upstream().seen().split_off(before);
    if seen.len() != case.requests() {
        return Err(format!("expected {} requests upstream, got {seen:?}", case.requests()));
    }
    let lines: Vec<_> = seen
        .iter()
        .flat_map(|seen| seen.lines.iter().chain([&seen.request_line]))
        .collect();
    // Field names in any case, the request line as it is.
    let arrived = |wanted: &String| {
        let same =
            |line: &&String| *line == wanted || (!wanted.contains(" HTTP/") && line.eq_ignore_ascii_case(wanted));
        lines.iter().any(same)
    };
    if let Some(line) = case.sees.iter().find(|line| !arrived(line)) {
        return Err(format!("expected {line:?} upstream, got {seen:?}"));
    }
    let whole = format!("{lines:?}").to_lowercase();
    if let Some(text) = case.unseen.iter().find(|text| whole.contains(&text.to_lowercase())) {
        return Err(format!("{text:?} must not arrive, got {seen:?}"));
    }
    Ok(())
}
