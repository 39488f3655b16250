//! Whom a configuration trusts: proxies, issuers and their keys, and headers.

use serde_json::json;
use sidegate::keys::{Algorithm, SigningKey, provider};

use super::{GOOD, parse, printed};

const SERVER: &str = "server: {";
const VERSION: &str = "version: 1\n";

/// What is printed for `GOOD` with this issuer.
fn issuer(entry: &str) -> Vec<String> {
    printed(VERSION, &with_issuer(entry))
}

fn with_issuer(entry: &str) -> String {
    format!("{VERSION}issuers: [{{ issuer: https://a.test, audience: [app], {entry} }}]\n")
}

fn jwk(algorithm: Algorithm) -> serde_json::Value {
    provider::install();
    SigningKey::generate(algorithm).unwrap().verifying_key().to_jwk()
}

#[test]
fn proxies_everywhere_are_a_mistake_unless_the_operator_says_so() {
    for everyone in [
        "0.0.0.0/0",
        "0.0.0.0/1, 128.0.0.0/1",
        "10.0.0.0/8, '::/0'",
        "'2000::/4', '3000::/4'",
        "0.0.0.0/2, 64.0.0.0/2",
    ] {
        let lines = printed(SERVER, &format!("{SERVER} trusted_proxies: [{everyone}],"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("server.trusted_proxies: contains half of all addresses or more")
                && lines[0].contains("`trust_everyone: true`"),
            "{lines:?}"
        );
        let meant = format!("{SERVER} trust_everyone: true, trusted_proxies: [{everyone}],");
        assert_eq!(parse(&GOOD.replace(SERVER, &meant)).unwrap().warnings, [""; 0]);
    }
    let some = format!("{SERVER} trusted_proxies: [10.0.0.0/8, 192.168.0.0/16, 'fc00::/7', 64.0.0.0/2],");
    assert_eq!(parse(&GOOD.replace(SERVER, &some)).unwrap().warnings, [""; 0]);
    let needless = format!("{SERVER} trust_everyone: true, trusted_proxies: [10.0.0.0/8],");
    let warnings = parse(&GOOD.replace(SERVER, &needless)).unwrap().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("server.trust_everyone: has no effect"),
        "{warnings:?}"
    );
}

#[test]
fn a_weak_key_of_an_issuer_is_refused_with_its_place() {
    let (good, zero) = (
        jwk(Algorithm::EdDsa),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43) }),
    );
    let roca = include_str!("../../../src/keys/testdata/roca_2048.txt").trim_end();
    let roca = json!({ "kty": "RSA", "n": roca, "e": "AQAB" });
    assert_eq!(
        issuer(&format!("jwks: {{ keys: [{good}, {zero}] }}")),
        [
            "issuers[0].jwks.keys[1]: the key is refused: it is an Ed25519 key of small order, for which anybody can sign"
        ]
    );
    let lines = issuer(&format!("jwks: {{ keys: [{roca}, {good}] }}"));
    assert!(
        lines.len() == 1
            && lines[0].starts_with("issuers[0].jwks.keys[0]: the key is refused")
            && lines[0].contains("CVE-2017-15361"),
        "{lines:?}"
    );
}

#[test]
fn two_keys_with_one_id_are_refused() {
    let (first, mut second) = (jwk(Algorithm::Es256), jwk(Algorithm::Es256));
    let both = format!("jwks: {{ keys: [{first}, {second}] }}");
    assert!(parse(&GOOD.replace(VERSION, &with_issuer(&both))).is_ok());
    second["kid"] = first["kid"].clone();
    assert_eq!(
        issuer(&format!("jwks: {{ keys: [{first}, {second}] }}")),
        ["issuers[0].jwks.keys[1]: has the same `kid` as keys[0]"]
    );
}

/// Issuers keep a revocation for a minute longer than the tokens it revokes.
#[test]
fn no_token_is_accepted_for_longer_than_its_revocation_is_kept() {
    let key = jwk(Algorithm::Es256);
    let entry = |leeway: &str| format!("jwks: {{ keys: [{key}] }}, leeway: {leeway}");
    assert!(parse(&GOOD.replace(VERSION, &with_issuer(&entry("1m")))).is_ok());
    assert_eq!(issuer(&entry("61s")), ["issuers[0].leeway: expected 0s to 1m, got 61s"]);
}

#[test]
fn an_issuer_can_require_claims_and_a_type() {
    let key = jwk(Algorithm::Es256);
    let entry = format!("jwks: {{ keys: [{key}] }}, require: [jti, sid], typ: application/at+jwt");
    let loaded = parse(&GOOD.replace(VERSION, &with_issuer(&entry))).unwrap();
    let rules = &loaded.snapshot.rules.issuers["https://a.test"];
    assert_eq!((rules.require.len(), rules.typ.as_deref()), (2, Some("at+jwt")));
    assert_eq!(
        issuer(&format!("jwks: {{ keys: [{key}] }}, typ: ''")),
        [r#"issuers[0].typ: expected a media type such as at+jwt, got """#]
    );
    let unknown = issuer(&format!("jwks: {{ keys: [{key}] }}, require: [jit]"));
    assert!(
        unknown.len() == 1 && unknown[0].starts_with("issuers[0].require[0]: expected jti | sid | iat"),
        "{unknown:?}"
    );
}

#[test]
fn a_separator_that_could_be_part_of_an_item_is_refused() {
    let add = |join: &str| format!("{VERSION}identity_headers: {{ add: {{ X-A: {{ claim: a, join: {join} }} }} }}\n");
    for join in ["''", "'%'", "'2'", "' or '", "é"] {
        let lines = printed(VERSION, &add(join));
        assert!(
            lines[0].starts_with("identity_headers.add.X-A.join: expected ASCII punctuation other than %, or spaces"),
            "{lines:?}"
        );
    }
    for join in ["','", "'; '", "' '", "'|'"] {
        assert!(parse(&GOOD.replace(VERSION, &add(join))).is_ok(), "{join}");
    }
}

#[test]
fn headers_to_strip_are_names_or_beginnings_and_none_that_the_request_needs() {
    let strip = |patterns: &str| format!("{VERSION}identity_headers: {{ strip: [{patterns}] }}\n");
    for (patterns, line) in [
        (
            "X-A, 'X*'",
            r#"identity_headers.strip[1]: expected the name of a header, or at least 3 characters of one and `*`, got "X*""#,
        ),
        (
            "'a b'",
            r#"identity_headers.strip[0]: expected the name of a header, or at least 3 characters of one and `*`, got "a b""#,
        ),
        (
            "Cookie",
            "identity_headers.strip[0]: matches a header that frames, routes or authenticates the request itself",
        ),
        (
            "'con*'",
            "identity_headers.strip[0]: matches a header that frames, routes or authenticates the request itself",
        ),
    ] {
        assert_eq!(printed(VERSION, &strip(patterns)), [line]);
    }
    assert!(parse(&GOOD.replace(VERSION, &strip(""))).is_ok());
    assert_eq!(
        printed(
            "    access: staff\n",
            "    access: staff\n    identity_headers: { strip: [X-A] }\n"
        ),
        ["routes[0].identity_headers.strip: applies to all routes: write it at the top level"]
    );
}
