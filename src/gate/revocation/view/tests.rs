use time::macros::datetime;

use super::*;
use crate::gate::revocation::{Ids, Reason, key_fingerprint};

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const LATER: OffsetDateTime = datetime!(2026-11-23 12:10:00 UTC);
const ISSUER: &str = "https://gw.test";

fn token_of_version(version: u32, jti: &str, session: &str, user: &str) -> Fingerprints {
    Fingerprints::of(&Ids {
        issuer: ISSUER,
        jti: Some(jti),
        session: Some(session),
        user: Some(user),
        key: key_fingerprint(Some("k")),
        version,
    })
}

fn token(jti: &str, session: &str, user: &str) -> Fingerprints {
    token_of_version(1, jti, session, user)
}

fn revoked(subject: Subject) -> Revocation {
    Revocation {
        subject,
        expires_at: LATER,
    }
}

fn session(id: &str) -> Revocation {
    revoked(Subject::Session(id.to_owned()))
}

fn user(id: &str, version: u32) -> Revocation {
    revoked(Subject::User {
        issuer: ISSUER.to_owned(),
        id: id.to_owned(),
        version,
    })
}

#[test]
fn a_revoked_session_ends_all_its_tokens_and_no_others() {
    let view = View::default();
    view.revoke(&session("s1"));
    assert_eq!(view.standing(&token("j1", "s1", "u")), Standing::Revoked);
    assert_eq!(view.standing(&token("j2", "s2", "u")), Standing::Live);
    assert_eq!(
        view.standing(&token("s1", "s2", "s1")),
        Standing::Live,
        "an id counts only in its own kind"
    );
}

#[test]
fn a_users_tokens_are_outdated_below_a_version_and_pass_from_it_on() {
    let view = View::default();
    view.revoke(&user("u", 3));
    assert_eq!(view.standing(&token_of_version(2, "j", "s", "u")), Standing::Outdated);
    assert_eq!(view.standing(&token_of_version(3, "j", "s", "u")), Standing::Live);
    assert_eq!(
        view.standing(&token_of_version(0, "j", "s", "u")),
        Standing::Outdated,
        "one without a version is older than all"
    );
    view.revoke(&session("s"));
    assert_eq!(
        view.standing(&token_of_version(2, "j", "s", "u")),
        Standing::Revoked,
        "the stronger refusal wins"
    );
}

#[test]
fn another_issuers_user_of_the_same_id_is_not_concerned() {
    let view = View::default();
    view.revoke(&user("u", 3));
    let foreign = Fingerprints::of(&Ids {
        issuer: "https://other.test",
        user: Some("u"),
        ..Ids::default()
    });
    assert_eq!(view.standing(&foreign), Standing::Live);
}

#[test]
fn a_revoked_key_refuses_what_it_signed_and_nothing_else() {
    let view = View::default();
    view.revoke(&revoked(Subject::Key("k".to_owned())));
    assert_eq!(view.standing(&token("j", "s", "u")), Standing::KeyRevoked);
    let by_another = Fingerprints::of(&Ids {
        jti: Some("j"),
        key: key_fingerprint(Some("k2")),
        ..Ids::default()
    });
    assert_eq!(view.standing(&by_another), Standing::Live);
}

#[test]
fn an_older_revocation_that_arrives_late_takes_nothing_back() {
    let view = View::default();
    view.revoke(&user("u", 3));
    view.revoke(&Revocation {
        expires_at: NOW,
        ..user("u", 2)
    });
    assert_eq!(view.standing(&token_of_version(2, "j", "s", "u")), Standing::Outdated);
    view.forget_expired(NOW);
    assert_eq!(view.len(), 1);
}

#[test]
fn a_revocation_is_forgotten_when_its_tokens_have_expired_and_not_before() {
    let view = View::default();
    view.revoke(&revoked(Subject::Token("j".to_owned())));
    view.forget_expired(LATER - Duration::from_secs(1));
    assert_eq!(view.len(), 1);
    view.forget_expired(LATER);
    assert!(view.is_empty());
    assert_eq!(view.standing(&token("j", "s", "u")), Standing::Live);
}

#[test]
fn a_token_without_ids_is_not_caught_by_an_empty_one() {
    let view = View::default();
    view.revoke(&session(""));
    let anonymous = Fingerprints::of(&Ids {
        user: Some("u"),
        ..Ids::default()
    });
    assert_eq!(view.standing(&anonymous), Standing::Live);
}

#[test]
fn a_view_is_as_old_as_the_newest_time_up_to_which_it_is_complete() {
    let (view, now) = (View::default(), Instant::now());
    let later = now + Duration::from_millis(1500);
    assert_eq!(view.age(later), Duration::MAX, "it was never complete");
    view.complete(now);
    assert_eq!(view.age(later), Duration::from_millis(1500));
    view.complete(now.checked_sub(Duration::from_secs(1)).unwrap());
    assert_eq!(view.age(later), Duration::from_millis(1500), "an older statement");
    view.complete(later);
    assert_eq!(view.age(later), Duration::ZERO);
    assert_eq!(View::of_no_feed().age(later), Duration::ZERO);
}

#[test]
fn a_step_of_a_wall_clock_makes_no_view_younger() {
    let (view, asked) = (View::default(), Instant::now());
    let heard = |heartbeat_ms, redis_now_ms, asked| {
        if let Some(instant) = view.instant_of(heartbeat_ms, redis_now_ms, asked) {
            view.complete(instant);
        }
    };
    heard(100_000, 100_200, asked);
    assert_eq!(view.age(asked), Duration::from_millis(200));
    // Twenty seconds later the clock of Redis was set back by twenty: the same heartbeat looks as it did.
    let later = asked + Duration::from_secs(20);
    heard(100_000, 100_200, later);
    assert_eq!(view.age(later), Duration::from_millis(20_200));
    // By the clock that was set back, a heartbeat of before is one of the future.
    heard(119_000, 100_300, later);
    assert_eq!(view.age(later), Duration::from_millis(20_200));
    // Set forward, it makes a heartbeat older than it is, never younger.
    heard(120_100, 190_100, later);
    assert_eq!(view.age(later), Duration::from_millis(20_200));
}

fn open(view: &Arc<View>, fingerprints: Fingerprints) -> (Watched, Arc<Ending>) {
    let ending = Arc::new(Ending::default());
    (view.watch(fingerprints, &ending), ending)
}

#[test]
fn a_revoked_session_ends_its_streams_and_no_others() {
    let view = Arc::new(View::default());
    let (_first, first) = open(&view, token("j1", "s1", "u"));
    let (_second, second) = open(&view, token("j2", "s1", "u"));
    let (_other, other) = open(&view, token("j3", "s2", "u"));
    view.revoke(&session("s1"));
    assert_eq!(
        (first.reason(), second.reason()),
        (Some(Reason::Revoked), Some(Reason::Revoked))
    );
    assert_eq!(other.reason(), None);
}

#[test]
fn changed_rights_end_the_streams_of_older_tokens_only() {
    let view = Arc::new(View::default());
    let (_old, old) = open(&view, token_of_version(1, "j1", "s1", "u"));
    let (_new, new) = open(&view, token_of_version(2, "j2", "s1", "u"));
    view.revoke(&user("u", 2));
    assert_eq!((old.reason(), new.reason()), (Some(Reason::Revoked), None));
}

#[test]
fn a_revoked_key_ends_the_streams_of_its_tokens() {
    let view = Arc::new(View::default());
    let (_watched, ending) = open(&view, token("j", "s", "u"));
    view.revoke(&revoked(Subject::Key("k2".to_owned())));
    assert_eq!(ending.reason(), None);
    view.revoke(&revoked(Subject::Key("k".to_owned())));
    assert_eq!(ending.reason(), Some(Reason::Revoked));
}

#[test]
fn a_stream_that_opens_while_its_session_ends_ends_too() {
    let view = Arc::new(View::default());
    view.revoke(&session("s1"));
    assert_eq!(open(&view, token("j", "s1", "u")).1.reason(), Some(Reason::Revoked));
}

#[test]
fn a_stream_that_ended_leaves_nothing_behind() {
    let view = Arc::new(View::default());
    let (watched, _) = open(&view, token("j", "s1", "u"));
    assert_eq!(view.streams.len(), 4);
    drop(watched);
    assert_eq!(view.streams.len(), 0);
}

/// The resident memory of this process, according to the kernel.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

#[test]
#[ignore = "run alone by the next one: other tests would be measured too"]
fn fill_with_a_million() {
    let view = View::default();
    let before = resident();
    for number in 0..1_000_000 {
        view.revoke(&session(&format!("session-{number}")));
    }
    let each = (resident() - before) / view.len();
    println!("{} revocations, {each} bytes of resident memory each", view.len());
    assert_eq!(view.len(), 1_000_000);
    assert!(each <= 48, "{each}");
}

#[test]
fn a_million_revocations_fit_into_48_mb() {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("gate::revocation::view::tests::fill_with_a_million")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    println!("{said}");
    assert!(alone.status.success() && said.contains("1000000 revocations"), "{said}");
}
