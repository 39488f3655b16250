use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::gate::{
    policy,
    rate_limit::Metered,
    rules::{
        Rules,
        assertion::{DEFAULT_HEADER, DEFAULT_TTL},
    },
    testing,
    verify::{self, Standard},
};
use crate::keys::{Algorithm, KeySet, provider};

const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00 UTC);
const ISSUER: &str = "https://gw.test";
const GET: Bound<'_> = Bound {
    method: &Method::GET,
    scheme: "https",
    authority: b"App.test:8443",
    target: b"/a/b?c=d",
};

fn key() -> SigningKey {
    provider::install();
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn asserter() -> Asserter {
    Asserter::ephemeral(ISSUER, key(), &Metrics::new())
}

fn rules() -> Rules {
    let mut rules = testing::rules(vec![]);
    let issuer = testing::issuer_rules(ISSUER, "app");
    rules.issuers.insert(ISSUER.into(), Arc::new(issuer));
    rules
}

fn caller(claims: &Value) -> Arc<Caller> {
    let mut whole = json!({
        "iss": ISSUER, "aud": "app", "sub": "alice", "sid": "s1", "jti": "j1", "iat": NOW.unix_timestamp(),
        "exp": NOW.unix_timestamp() + 600, "email": "alice@example.com", "email_verified": true, "roles": ["staff"],
    });
    whole
        .as_object_mut()
        .unwrap()
        .append(&mut claims.as_object().unwrap().clone());
    let rules = rules();
    let identity = verify::without_signature(whole, &rules, NOW).unwrap();
    Arc::new(Caller::new(identity, Standard::new(&rules, 0)))
}

fn permit(caller: Option<&Arc<Caller>>) -> Permit {
    let mut route = testing::route("app", "", "/**", &[]);
    let mut plan = (*route.identity).clone();
    plan.assertion = Some(AssertionRule {
        header: HeaderName::from_static(DEFAULT_HEADER),
        ttl: DEFAULT_TTL,
    });
    route.identity = Arc::new(plan);
    permit_of(route, caller)
}

fn permit_of(route: Route, caller: Option<&Arc<Caller>>) -> Permit {
    let metered = Metered {
        route: Arc::new(route),
        caller: caller.cloned(),
        limits: Vec::new(),
    };
    let headers = HeaderMap::new();
    let request = testing::request(&Method::GET, "/", &headers);
    policy::authorize(metered, &request, NOW).unwrap()
}

fn said(asserter: &Asserter, permit: &Permit, bound: &Bound<'_>, now: OffsetDateTime) -> String {
    let (_, value) = asserter.assert(permit, bound, now).unwrap().unwrap();
    value.to_str().unwrap().to_owned()
}

fn part(jwt: &str, index: usize) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

#[test]
fn it_names_the_user_and_the_request() {
    let (asserter, permit) = (asserter(), permit(Some(&caller(&json!({})))));
    let jwt = said(&asserter, &permit, &GET, NOW);
    assert_eq!(part(&jwt, 0)["typ"], TYP);
    assert_eq!(
        part(&jwt, 1),
        json!({
            "iss": ISSUER, "aud": "urn:sidegate:upstream:app", "iat": NOW.unix_timestamp(), "exp": NOW.unix_timestamp() + 30,
            "htm": "GET", "htu": "https://app.test:8443/a/b", "idp": ISSUER, "sub": "alice", "sid": "s1",
            "email": "alice@example.com", "roles": ["staff"],
        })
    );
    assert!(
        asserter
            .jwks()
            .unwrap()
            .contains(part(&jwt, 0)["kid"].as_str().unwrap())
    );
}

#[test]
fn one_is_sent_again_for_the_same_request_until_half_of_its_life_is_over() {
    let (asserter, permit) = (asserter(), permit(Some(&caller(&json!({})))));
    let first = said(&asserter, &permit, &GET, NOW);
    let other_query = Bound { target: b"/a/b", ..GET };
    let almost = NOW + Duration::from_millis(14_999);
    assert_eq!(
        said(&asserter, &permit, &other_query, almost),
        first,
        "a query is not bound"
    );
    let second = said(&asserter, &permit, &GET, NOW + Duration::from_secs(15));
    assert_ne!(second, first);
    assert_eq!(part(&second, 1)["exp"], NOW.unix_timestamp() + 45);
    assert_eq!((asserter.hits.get(), asserter.misses.get()), (1, 2));
}

#[test]
fn none_is_sent_for_another_request_or_another_caller() {
    let (asserter, alice) = (asserter(), caller(&json!({})));
    let alices = permit(Some(&alice));
    let first = said(&asserter, &alices, &GET, NOW);
    for other in [
        Bound {
            method: &Method::POST,
            ..GET
        },
        Bound { scheme: "http", ..GET },
        Bound {
            authority: b"other.test",
            ..GET
        },
        Bound {
            target: b"/a/bb",
            ..GET
        },
        // The same bytes, split elsewhere.
        Bound {
            authority: b"App.test:8443/a",
            target: b"/b",
            ..GET
        },
    ] {
        assert_ne!(said(&asserter, &alices, &other, NOW), first, "{other:?}");
    }
    let equal = permit(Some(&caller(&json!({}))));
    assert_ne!(
        said(&asserter, &equal, &GET, NOW),
        first,
        "another token of the same person"
    );
    let bobs = permit(Some(&caller(&json!({ "sub": "bob" }))));
    assert_eq!(part(&said(&asserter, &bobs, &GET, NOW), 1)["sub"], "bob");
}

#[test]
fn it_does_not_outlive_the_token_that_it_speaks_for() {
    let (asserter, now) = (asserter(), NOW.unix_timestamp());
    let permit = permit(Some(&caller(&json!({ "exp": now + 10 }))));
    let first = said(&asserter, &permit, &GET, NOW);
    assert_eq!(part(&first, 1)["exp"], now + 10);
    let second = said(&asserter, &permit, &GET, NOW + Duration::from_secs(5));
    assert_eq!(part(&second, 1)["exp"], now + 10, "half of a short life is shorter");
    assert_ne!(second, first);
}

#[test]
fn anonymous_callers_and_routes_without_assertions_get_none() {
    let (asserter, caller) = (asserter(), caller(&json!({})));
    assert_eq!(asserter.assert(&permit(None), &GET, NOW), Ok(None));
    let without = permit_of(testing::route("app", "", "/**", &[]), Some(&caller));
    assert_eq!(asserter.assert(&without, &GET, NOW), Ok(None));
}

#[test]
fn an_issuers_rotation_is_followed_at_once_and_without_a_key_nothing_is_forwarded() {
    let (keys, metrics) = (Arc::new(Keys::default()), Metrics::new());
    let asserter = Asserter::of_issuer(ISSUER, Arc::clone(&keys), &metrics);
    let permit = permit(Some(&caller(&json!({}))));
    assert_eq!(asserter.assert(&permit, &GET, NOW), Err(Denial::AssertionUnavailable));
    let mut kids = Vec::new();
    for key in [key(), key()] {
        let key = Arc::new(key);
        keys.install_own(ISSUER, Arc::clone(&key), &[Arc::clone(key.verifying_key())]);
        let jwt = said(&asserter, &permit, &GET, NOW);
        assert_eq!(part(&jwt, 0)["kid"], key.kid());
        assert_eq!(said(&asserter, &permit, &GET, NOW), jwt);
        kids.push(part(&jwt, 0)["kid"].clone());
    }
    assert_ne!(kids[0], kids[1]);
}

#[test]
fn an_assertion_is_refused_as_an_access_token_of_the_same_key() {
    let key = key();
    let keys = KeySet::default().with(ISSUER, [Arc::clone(key.verifying_key())]);
    let jwt = said(
        &Asserter::ephemeral(ISSUER, key, &Metrics::new()),
        &permit(Some(&caller(&json!({})))),
        &GET,
        NOW,
    );
    let mut rules = rules();
    // Tokens of this issuer are recognized by their type; of other issuers any unknown type is accepted; and a verifier
    // that checks no type still finds a wrong audience.
    let wrong_type = Err(crate::gate::denial::TokenFault::WrongType);
    let wrong_audience = Err(crate::gate::denial::TokenFault::WrongAudience);
    for (typ, expected) in [
        (Some("at+jwt"), wrong_type),
        (None, wrong_type),
        (Some(TYP), wrong_audience),
    ] {
        let mut issuer = testing::issuer_rules(ISSUER, "app");
        issuer.typ = typ.map(Into::into);
        rules.issuers.insert(ISSUER.into(), Arc::new(issuer));
        let judged = verify::check::check(&jwt, &keys, &rules, NOW).map(|_| ());
        assert_eq!(judged, expected, "{typ:?}");
    }
}

#[test]
fn in_the_leeway_of_its_token_it_lives_for_a_second() {
    let (asserter, now) = (asserter(), NOW.unix_timestamp());
    let permit = permit(Some(&caller(&json!({ "exp": now + 10 }))));
    for (after_ms, end) in [(8_900, 9), (9_100, 10), (9_900, 10), (10_000, 11), (35_500, 36)] {
        let jwt = said(&asserter, &permit, &GET, NOW + Duration::from_millis(after_ms));
        assert_eq!(part(&jwt, 1)["exp"], now + end, "after {after_ms} ms");
    }
}
