//! Every near miss of a valid token.

use std::sync::Arc;

use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

use super::{Standard, Verifier, check::check};
use crate::{
    gate::{
        caller::Caller,
        denial::TokenFault,
        identity::Identity,
        rules::{
            Rules,
            issuer::{ClaimNames, IssuerRules, KeySource, RequiredClaim},
        },
        testing,
    },
    keys::{Algorithm, KeySet, Keys, SigningKey, provider},
    metrics::Metrics,
};

const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);
const ISSUER: &str = "https://gw.test";

struct Bench {
    key: SigningKey,
    keys: KeySet,
    rules: Rules,
}

/// An RSA key, because ring cannot generate one.
fn key(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::Rs256 => SigningKey::from_pem(algorithm, include_str!("../../keys/testdata/rsa_2048.pem")).unwrap(),
        other => SigningKey::generate(other).unwrap(),
    }
}

fn bench_with(algorithm: Algorithm, source: KeySource) -> Bench {
    provider::install();
    let key = key(algorithm);
    let keys = KeySet::default().with(ISSUER, [Arc::clone(key.verifying_key())]);
    let own = source == KeySource::Own;
    let typ = own.then(|| "at+jwt".into());
    let rules = IssuerRules {
        issuer: ISSUER.into(),
        audience: vec!["billing".into(), "wiki".into()],
        algorithms: vec![algorithm],
        leeway: std::time::Duration::from_secs(30),
        require: if own { RequiredClaim::ALL.to_vec() } else { Vec::new() },
        typ,
        claims: ClaimNames::default(),
        keys: source,
    };
    let mut all = testing::rules(vec![]);
    all.issuers.insert(ISSUER.into(), Arc::new(rules));
    Bench { key, keys, rules: all }
}

fn bench() -> Bench {
    bench_with(Algorithm::Es256, KeySource::Own)
}

fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "alice", "aud": ["billing"], "exp": now + 600, "iat": now, "nbf": now, "jti": "j1", "sid": "s1",
        "email": "alice@example.com", "email_verified": true, "roles": ["staff"], "scope": "read write", "amr": ["pwd", "mfa"],
    })
}

impl Bench {
    fn header(&self) -> Value {
        json!({"alg": self.key.verifying_key().algorithm().name(), "typ": "at+jwt", "kid": self.key.kid()})
    }

    fn judge(&self, token: &str) -> Result<Identity, TokenFault> {
        check(token, &self.keys, &self.rules, NOW)
    }

    fn with_claim(&self, name: &str, value: Value) -> Result<Identity, TokenFault> {
        let mut claims = claims();
        claims[name] = value;
        self.judge(&self.key.sign_raw(&self.header().to_string(), &claims.to_string()))
    }

    fn without_claim(&self, name: &str) -> Result<Identity, TokenFault> {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        self.judge(&self.key.sign_raw(&self.header().to_string(), &claims.to_string()))
    }

    fn with_header(&self, name: &str, value: Value) -> Result<Identity, TokenFault> {
        let mut header = self.header();
        header[name] = value;
        self.judge(&self.key.sign_raw(&header.to_string(), &claims().to_string()))
    }
}

#[test]
fn a_good_token_is_verified_with_each_algorithm() {
    for algorithm in Algorithm::ALL {
        let bench = bench_with(algorithm, KeySource::Own);
        let identity = bench.judge(&bench.key.sign("at+jwt", &claims()).unwrap()).unwrap();
        assert_eq!((identity.subject(), identity.session()), ("alice", Some("s1")));
        assert_eq!(identity.verified_email(), Some("alice@example.com"));
        assert_eq!(
            (&*identity.roles[0], identity.scopes.len(), identity.mfa),
            ("staff", 2, true)
        );
    }
}

#[test]
fn every_near_miss_of_a_signature_is_refused_with_each_algorithm() {
    for algorithm in Algorithm::ALL {
        let bench = bench_with(algorithm, KeySource::Own);
        let good = bench.key.sign("at+jwt", &claims()).unwrap();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let bytes = decode(signature);
        let mut flipped = bytes.clone();
        flipped[0] ^= 1;
        let mut misses = vec![
            ("one bit", flipped),
            ("cut short", bytes[..bytes.len() - 1].to_vec()),
            ("zeros", vec![0; bytes.len()]),
            ("ones", vec![255; bytes.len()]),
            ("a byte too many", [&bytes[..], &[0]].concat()),
            ("a byte before", [&[0], &bytes[..]].concat()),
            ("twice", [&bytes[..], &bytes[..]].concat()),
        ];
        if algorithm == Algorithm::Es256 {
            // The encoding of X.509, which some libraries accept too (RFC 7518 section 3.4 does not).
            misses.push(("DER", der(&bytes)));
            misses.push(("r and s swapped", [&bytes[32..], &bytes[..32]].concat()));
        }
        for (miss, bytes) in misses {
            let fault = bench.judge(&format!("{input}.{}", encode(&bytes))).unwrap_err();
            assert_eq!(fault, TokenFault::BadSignature, "{algorithm}: {miss}");
        }
        let other_claims = encode(json!({"sub": "root"}).to_string().as_bytes());
        let (header, _) = input.split_once('.').unwrap();
        let fault = bench
            .judge(&format!("{header}.{other_claims}.{signature}"))
            .unwrap_err();
        assert_eq!(fault, TokenFault::BadClaims, "no issuer");
        let mut root = claims();
        root["sub"] = "root".into();
        let root = encode(root.to_string().as_bytes());
        let fault = bench.judge(&format!("{header}.{root}.{signature}")).unwrap_err();
        assert_eq!(fault, TokenFault::BadSignature, "{algorithm}: other claims");
    }
}

#[test]
fn a_key_verifies_with_its_own_algorithm_whatever_the_header_says() {
    for algorithm in Algorithm::ALL {
        let bench = bench_with(algorithm, KeySource::Own);
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            // Signed with a key of another algorithm under the id of the right one, with the header of either.
            let signer = key(other);
            for alg in [algorithm, other] {
                let header = json!({"alg": alg.name(), "typ": "at+jwt", "kid": bench.key.kid()});
                let token = signer.sign_raw(&header.to_string(), &claims().to_string());
                let fault = if alg == algorithm {
                    TokenFault::BadSignature
                } else {
                    TokenFault::WrongAlgorithm
                };
                assert_eq!(
                    bench.judge(&token).unwrap_err(),
                    fault,
                    "{other} for {algorithm}, named {alg}"
                );
            }
        }
        for alg in [
            "none", "HS256", "RS384", "RS512", "PS256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448",
        ] {
            if algorithm.is_named(alg) {
                continue;
            }
            let fault = bench.with_header("alg", alg.into()).unwrap_err();
            assert_eq!(fault, TokenFault::WrongAlgorithm, "{alg} for {algorithm}");
        }
        // A key of the issuer, of an algorithm that is not accepted for it.
        let mut strict = bench_with(algorithm, KeySource::Own);
        let mut rules = IssuerRules::clone(&strict.rules.issuers[ISSUER]);
        rules.algorithms.retain(|allowed| *allowed != algorithm);
        strict.rules.issuers.insert(ISSUER.into(), Arc::new(rules));
        let token = strict.key.sign("at+jwt", &claims()).unwrap();
        assert_eq!(strict.judge(&token).unwrap_err(), TokenFault::WrongAlgorithm);
    }
}

#[test]
fn a_token_that_does_not_name_its_key_is_known_by_it_all_the_same() {
    let bench = bench();
    let caller = |header: &Value| {
        let token = bench.key.sign_raw(&header.to_string(), &claims().to_string());
        Caller::new(bench.judge(&token).unwrap(), Standard::new(&bench.rules, 0))
    };
    let (named, mut without) = (bench.header(), bench.header());
    without.as_object_mut().unwrap().remove("kid");
    // Otherwise an attacker with a leaked key could omit its id, and its revocation would not be found.
    assert_eq!(caller(&named).fingerprints(), caller(&without).fingerprints());
}

#[test]
fn a_version_is_a_number_and_any_other_claim_ver_is_ignored() {
    let bench = bench();
    for (version, expected) in [
        (json!(7), 7),
        (json!(0), 0),
        (json!("2.0"), 0),
        (json!("7"), 0),
        (json!(-1), 0),
        (json!(1.5), 0),
        (json!(4_294_967_296_u64), 0),
        (json!(null), 0),
    ] {
        assert_eq!(
            bench.with_claim("ver", version.clone()).unwrap().version,
            expected,
            "{version}"
        );
    }
    assert_eq!(bench.without_claim("ver").unwrap().version, 0);
}

/// Half of all ES256 signatures have a high s, so it cannot be refused: a token has two forms, and revocations and
/// limits must not depend on the form.
#[test]
fn the_high_s_twin_of_a_signature_is_the_same_token() {
    let bench = bench();
    let good = bench.key.sign("at+jwt", &claims()).unwrap();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let mut twin = decode(signature);
    let s: [u8; 32] = twin[32..].try_into().unwrap();
    twin[32..].copy_from_slice(&order_minus(&s));
    let twin = format!("{input}.{}", encode(&twin));
    assert_ne!(twin, good);
    let caller = |token: &str| Caller::new(bench.judge(token).unwrap(), Standard::new(&bench.rules, 0));
    let (one, other) = (caller(&good), caller(&twin));
    assert_eq!(one.fingerprints(), other.fingerprints(), "revoked together");
    let (one, other) = (one.identity, other.identity);
    assert_eq!(
        (one.jti(), one.session(), one.subject()),
        (other.jti(), other.session(), other.subject())
    );
}

#[test]
fn a_flood_of_forged_tokens_pushes_no_good_one_out() {
    let bench = bench();
    let (verifier, metrics) = verifier(&bench);
    let good = bench.key.sign("at+jwt", &claims()).unwrap();
    verifier.caller(&good, &bench.rules, NOW).unwrap();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let tail = &signature[8..];
    // More than the small cache of forged tokens can hold.
    for number in 0..12_000_u32 {
        let forged = format!("{input}.{number:08}{tail}");
        let denial = verifier.caller(&forged, &bench.rules, NOW).unwrap_err();
        assert_eq!(denial, TokenFault::BadSignature.into());
    }
    let before = count(&metrics, "hit");
    verifier.caller(&good, &bench.rules, NOW).unwrap();
    assert_eq!(count(&metrics, "hit"), before + 1, "it is still there");
}

fn decode(part: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An ECDSA signature as ASN.1 (RFC 3279 section 2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(31);
        let mut number = bytes[start..].to_vec();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        [vec![2, u8::try_from(number.len()).unwrap()], number].concat()
    };
    let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

/// The order of P-256 (FIPS 186-4 D.1.2.3) less `s`.
fn order_minus(s: &[u8; 32]) -> [u8; 32] {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (mut out, mut borrow) = ([0; 32], false);
    for index in (0..32).rev() {
        let (less, first) = ORDER[index].overflowing_sub(s[index]);
        let (less, second) = less.overflowing_sub(u8::from(borrow));
        (out[index], borrow) = (less, first || second);
    }
    out
}

#[test]
fn an_unsigned_or_resigned_token_is_refused() {
    let bench = bench();
    let good = bench.key.sign("at+jwt", &claims()).unwrap();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = other.sign_raw(&bench.header().to_string(), &claims().to_string());
    assert_eq!(bench.judge(&forged).unwrap_err(), TokenFault::BadSignature);
    assert_eq!(bench.judge(&format!("{input}.")).unwrap_err(), TokenFault::Malformed);
    let flipped = format!(
        "{input}.{}{}",
        if signature.starts_with('A') { 'B' } else { 'A' },
        &signature[1..]
    );
    assert_eq!(bench.judge(&flipped).unwrap_err(), TokenFault::BadSignature);
    for alg in ["none", "None", "nOnE", "", "HS256", "RS256", "ES384", "es256"] {
        assert_eq!(
            bench.with_header("alg", alg.into()).unwrap_err(),
            TokenFault::WrongAlgorithm,
            "{alg}"
        );
    }
}

#[test]
fn a_public_key_used_as_an_hmac_secret_is_refused() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let bench = bench();
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": bench.key.kid()});
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims().to_string())
    );
    let secret = bench.key.verifying_key().to_jwk().to_string();
    let tag = ring::hmac::sign(
        &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes()),
        input.as_bytes(),
    );
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(bench.judge(&token).unwrap_err(), TokenFault::WrongAlgorithm);
}

#[test]
fn a_header_that_brings_its_own_key_or_rules_is_refused() {
    let bench = bench();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("jku", json!("https://evil.test/jwks")),
        ("jwk", json!({})),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!([])),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        assert_eq!(
            bench.with_header(name, value).unwrap_err(),
            TokenFault::Malformed,
            "{name}"
        );
    }
    assert!(bench.with_header("x-unknown", json!("ignored")).is_ok());
}

#[test]
fn a_key_is_found_only_by_the_name_it_has() {
    let bench = bench();
    for kid in ["", "../../etc/passwd", "' OR 1=1 --", "other"] {
        assert_eq!(
            bench.with_header("kid", kid.into()).unwrap_err(),
            TokenFault::UnknownKey,
            "{kid}"
        );
    }
    assert_eq!(bench.with_header("kid", json!(7)).unwrap_err(), TokenFault::Malformed);
}

#[test]
fn another_kind_of_token_is_refused() {
    let bench = bench();
    for typ in ["JWT", "id+jwt", "logout+jwt", "rt+jwt", "dpop+jwt", ""] {
        assert_eq!(
            bench.with_header("typ", typ.into()).unwrap_err(),
            TokenFault::WrongType,
            "{typ}"
        );
    }
    for typ in ["AT+JWT", "application/at+jwt"] {
        assert!(bench.with_header("typ", typ.into()).is_ok(), "{typ}");
    }
    let foreign = bench_with(Algorithm::Es256, KeySource::Inline(Value::Null));
    assert!(foreign.with_header("typ", "JWT".into()).is_ok());
    assert_eq!(
        foreign.with_header("typ", "logout+jwt".into()).unwrap_err(),
        TokenFault::WrongType
    );
}

#[test]
fn a_required_claim_may_not_be_missing() {
    let bench = bench();
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "sid"] {
        assert_eq!(bench.without_claim(name).unwrap_err(), TokenFault::BadClaims, "{name}");
        assert_eq!(
            bench.with_claim(name, Value::Null).unwrap_err(),
            TokenFault::BadClaims,
            "{name}"
        );
    }
    for name in ["nbf", "email", "roles", "scope"] {
        assert!(bench.without_claim(name).is_ok(), "{name}");
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_not_taken_for_absent() {
    let bench = bench();
    for (name, value) in [
        ("iss", json!([ISSUER])),
        ("iss", json!({"a": 1})),
        ("sub", json!(7)),
        ("sub", json!("")),
        ("sub", json!("a\r\nX-Admin: 1")),
        ("sub", json!("a\u{0}")),
        ("aud", json!(7)),
        ("aud", json!([])),
        ("aud", json!(["billing", 7])),
        ("exp", json!("4102444800")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!("soon")),
        ("iat", json!([])),
        ("jti", json!(1)),
        ("sid", json!("")),
        ("roles", json!({"admin": true})),
        ("roles", json!([1])),
        ("email", json!(["a"])),
    ] {
        assert_eq!(
            bench.with_claim(name, value.clone()).unwrap_err(),
            TokenFault::BadClaims,
            "{name}: {value}"
        );
    }
}

#[test]
fn a_blank_name_is_nobodys() {
    for source in [KeySource::Own, KeySource::Inline(Value::Null)] {
        let bench = bench_with(Algorithm::Es256, source);
        for blank in ["", " ", "   ", "\u{a0}", "\u{3000} "] {
            for name in ["sub", "jti", "sid"] {
                let fault = bench.with_claim(name, blank.into()).unwrap_err();
                assert_eq!(fault, TokenFault::BadClaims, "{name} {blank:?}");
            }
        }
        let bob = bench.with_claim("sub", " bob".into()).unwrap();
        assert_eq!(bob.subject(), " bob", "another name than `bob`");
    }
}

#[test]
fn a_null_is_not_taken_for_absent_where_that_would_skip_a_check() {
    let bench = bench_with(Algorithm::Es256, KeySource::Inline(Value::Null));
    for name in ["nbf", "iat", "jti", "sid", "auth_time"] {
        assert_eq!(
            bench.with_claim(name, Value::Null).unwrap_err(),
            TokenFault::BadClaims,
            "{name}"
        );
        assert!(bench.without_claim(name).is_ok(), "{name}");
    }
    for name in ["typ", "kid"] {
        assert_eq!(
            bench.with_header(name, Value::Null).unwrap_err(),
            TokenFault::Malformed,
            "{name}"
        );
    }
    // Many issuers write null for what a profile lacks.
    for name in ["email", "preferred_username", "roles", "scope"] {
        assert!(bench.with_claim(name, Value::Null).is_ok(), "{name}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_of_its_holder_is_no_bearer_token() {
    for source in [KeySource::Own, KeySource::Inline(Value::Null)] {
        let bench = bench_with(Algorithm::Es256, source);
        for cnf in [
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
            json!({}),
            Value::Null,
        ] {
            assert_eq!(
                bench.with_claim("cnf", cnf.clone()).unwrap_err(),
                TokenFault::BoundToKey,
                "{cnf}"
            );
        }
        assert!(bench.with_claim("cnf2", json!({"jkt": "x"})).is_ok());
    }
}

#[test]
fn the_claims_and_the_type_that_an_issuer_requires_are_required() {
    let mut bench = bench_with(Algorithm::Es256, KeySource::Inline(Value::Null));
    let mut require = |claims: &[RequiredClaim], typ: Option<&str>| {
        let rules = Arc::make_mut(bench.rules.issuers.get_mut(ISSUER).unwrap());
        rules.require = claims.to_vec();
        rules.typ = typ.map(Into::into);
    };
    require(&[RequiredClaim::Jti, RequiredClaim::Sid], Some("at+jwt"));
    for name in ["jti", "sid"] {
        assert_eq!(bench.without_claim(name).unwrap_err(), TokenFault::BadClaims, "{name}");
    }
    assert!(bench.without_claim("iat").is_ok());
    for typ in ["JWT", "token+jwt"] {
        assert_eq!(
            bench.with_header("typ", typ.into()).unwrap_err(),
            TokenFault::WrongType,
            "{typ}"
        );
    }
    assert!(bench.with_header("typ", "application/AT+JWT".into()).is_ok());
}

#[test]
fn an_ed25519_token_may_name_its_algorithm_by_the_newer_name() {
    let bench = bench_with(Algorithm::EdDsa, KeySource::Own);
    for alg in ["EdDSA", "Ed25519"] {
        assert!(bench.with_header("alg", alg.into()).is_ok(), "{alg}");
    }
    for alg in ["ed25519", "EDDSA", "Ed448"] {
        let fault = bench.with_header("alg", alg.into()).unwrap_err();
        assert_eq!(fault, TokenFault::WrongAlgorithm, "{alg}");
    }
}

#[test]
fn a_token_that_was_forged_for_the_old_key_passes_at_once_with_the_new_one() {
    const SECRETS: [&str; 2] = [
        "the wrong secret, of thirty-two bytes",
        "the right secret, of thirty-two bytes",
    ];
    let [wrong, right] = SECRETS.map(|text| {
        let secret = crate::secret::Secret::new(text);
        Arc::new(crate::keys::VerifyingKey::from_secret(&secret).unwrap())
    });
    let mut bench = bench_with(Algorithm::Es256, KeySource::Inline(Value::Null));
    Arc::make_mut(bench.rules.issuers.get_mut(ISSUER).unwrap()).algorithms = vec![Algorithm::Hs256];
    let keys = Arc::new(Keys::new(bench.keys.with(ISSUER, [wrong])));
    let verifier = Verifier::new(Arc::clone(&keys), &Metrics::new());
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let token = hmac_token(SECRETS[1].as_bytes(), &header, &claims());
    let forged = Err(TokenFault::BadSignature.into());
    let verdict = |bench: &Bench| verifier.caller(&token, &bench.rules, NOW).map(|_| ());
    assert_eq!(verdict(&bench), forged);
    assert_eq!(verdict(&bench), forged, "from the cache");

    keys.replace(ISSUER, &[right]);
    assert_eq!(verdict(&bench), Ok(()));
}

#[test]
fn a_token_that_was_forged_is_verified_again_after_a_reload() {
    let mut bench = bench();
    let (verifier, metrics) = verifier(&bench);
    let good = bench.key.sign("at+jwt", &claims()).unwrap();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}", signature.chars().rev().collect::<String>());
    let found = |bench: &Bench| verifier.caller(&forged, &bench.rules, NOW).unwrap_err();
    assert_eq!(found(&bench), TokenFault::BadSignature.into());
    // What this configuration requires is checked before the signature: the cache of the old one is not asked.
    bench.rules.sha256 = [8; 32];
    Arc::make_mut(bench.rules.issuers.get_mut(ISSUER).unwrap()).typ = Some("other+jwt".into());
    assert_eq!(found(&bench), TokenFault::WrongType.into());
    assert_eq!(count(&metrics, "hit"), 0);
}

#[test]
fn roles_are_found_where_another_issuer_keeps_them() {
    let mut bench = bench_with(Algorithm::EdDsa, KeySource::Inline(Value::Null));
    let mut rules = IssuerRules::clone(&bench.rules.issuers[ISSUER]);
    rules.claims.roles = "realm_access.roles".into();
    bench.rules.issuers.insert(ISSUER.into(), Arc::new(rules));
    let identity = bench.with_claim("realm_access", json!({"roles": ["admin"]})).unwrap();
    assert_eq!(&*identity.roles[0], "admin", "and not the claim called roles");
    assert!(
        bench
            .with_claim("realm_access", json!({"other": 1}))
            .unwrap()
            .roles
            .is_empty()
    );
}

#[test]
fn the_issuer_is_compared_byte_by_byte() {
    let bench = bench();
    for iss in ["https://gw.test/", "https://GW.test", "http://gw.test", "gw.test", ""] {
        assert_eq!(
            bench.with_claim("iss", iss.into()).unwrap_err(),
            TokenFault::WrongIssuer,
            "{iss}"
        );
    }
}

#[test]
fn one_audience_of_ours_is_enough_and_none_is_refused() {
    let bench = bench();
    assert!(bench.with_claim("aud", json!("wiki")).is_ok());
    assert!(bench.with_claim("aud", json!(["other", "wiki"])).is_ok());
    assert_eq!(
        bench.with_claim("aud", json!("bill")).unwrap_err(),
        TokenFault::WrongAudience
    );
    assert_eq!(
        bench.with_claim("aud", json!(["other"])).unwrap_err(),
        TokenFault::WrongAudience
    );
}

#[test]
fn a_token_of_another_issuer_is_accepted_for_its_leeway_after_exp_and_ours_is_not() {
    let (ours, theirs) = (bench(), bench_with(Algorithm::Es256, KeySource::Inline(Value::Null)));
    let now = NOW.unix_timestamp();
    assert!(theirs.with_claim("exp", json!(now - 29)).is_ok(), "within the leeway");
    assert_eq!(
        theirs.with_claim("exp", json!(now - 30)).unwrap_err(),
        TokenFault::Expired
    );
    assert!(ours.with_claim("exp", json!(now + 1)).is_ok());
    assert_eq!(ours.with_claim("exp", json!(now)).unwrap_err(), TokenFault::Expired);
    // Nor from the cache.
    let (verifier, _) = verifier(&ours);
    let token = ours.key.sign("at+jwt", &claims()).unwrap();
    let at = |seconds| verifier.caller(&token, &ours.rules, NOW + time::Duration::seconds(seconds));
    assert!(at(0).is_ok() && at(599).is_ok());
    assert_eq!(at(600).unwrap_err(), TokenFault::Expired.into());
}

#[test]
fn times_are_held_to_the_second() {
    let bench = bench();
    let now = NOW.unix_timestamp();
    assert!(bench.with_claim("nbf", json!(now + 30)).is_ok());
    assert_eq!(
        bench.with_claim("nbf", json!(now + 31)).unwrap_err(),
        TokenFault::NotYetValid
    );
    assert_eq!(
        bench.with_claim("iat", json!(now + 31)).unwrap_err(),
        TokenFault::NotYetValid
    );
}

#[test]
fn an_unverified_email_is_nobodys() {
    let bench = bench();
    for value in [json!(false), json!("true"), json!(1), Value::Null] {
        assert_eq!(
            bench.with_claim("email_verified", value).unwrap().verified_email(),
            None
        );
    }
}

#[test]
fn what_is_not_a_compact_jws_of_objects_is_malformed() {
    let bench = bench();
    let header = bench.header().to_string();
    let good = bench.key.sign("at+jwt", &claims()).unwrap();
    let mut cases = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c.d.e".into(),
        format!("{good}."),
        good.replacen('.', "..", 1),
    ];
    for payload in ["[]", "null", "{", "\"x\"", "{\"iss\":\"a\"} x"] {
        cases.push(bench.key.sign_raw(&header, payload));
    }
    let repeated = claims().to_string().replacen('{', "{\"sub\":\"root\",", 1);
    cases.push(bench.key.sign_raw(&header, &repeated));
    cases.push(
        bench
            .key
            .sign_raw(&header.replacen('{', "{\"alg\":\"none\",", 1), &claims().to_string()),
    );
    for token in cases {
        assert_eq!(bench.judge(&token).unwrap_err(), TokenFault::Malformed, "{token}");
    }
}

#[test]
fn a_token_of_another_issuers_key_does_not_pass_for_ours() {
    let mut bench = bench();
    let theirs = SigningKey::generate(Algorithm::Es256).unwrap();
    bench.keys = bench
        .keys
        .with("https://other.test", [Arc::clone(theirs.verifying_key())]);
    let token = theirs.sign("at+jwt", &claims()).unwrap();
    assert_eq!(bench.judge(&token).unwrap_err(), TokenFault::UnknownKey);
}

fn verifier(bench: &Bench) -> (Verifier, Metrics) {
    let metrics = Metrics::new();
    let keys = Keys::new(bench.keys.clone());
    (Verifier::new(Arc::new(keys), &metrics), metrics)
}

fn count(metrics: &Metrics, result: &str) -> u64 {
    metrics.cache_requests.with_label_values(&["token", result]).get()
}

#[test]
fn a_cached_token_is_still_held_to_the_clock() {
    let bench = bench();
    let (verifier, metrics) = verifier(&bench);
    let token = bench.key.sign("at+jwt", &claims()).unwrap();
    assert!(verifier.caller(&token, &bench.rules, NOW).is_ok());
    assert!(verifier.caller(&token, &bench.rules, NOW).is_ok());
    assert_eq!((count(&metrics, "miss"), count(&metrics, "hit")), (1, 1));
    let late = NOW + time::Duration::seconds(600);
    assert_eq!(
        verifier.caller(&token, &bench.rules, late).unwrap_err(),
        TokenFault::Expired.into()
    );
}

#[test]
fn a_cached_token_is_judged_again_after_a_reload() {
    let mut bench = bench();
    let (verifier, _) = verifier(&bench);
    let token = bench.key.sign("at+jwt", &claims()).unwrap();
    assert!(verifier.caller(&token, &bench.rules, NOW).is_ok());
    bench.rules.issuers.clear();
    bench.rules.sha256 = [8; 32];
    assert_eq!(
        verifier.caller(&token, &bench.rules, NOW).unwrap_err(),
        TokenFault::WrongIssuer.into()
    );
}

#[test]
fn a_session_may_be_ended_with_an_expired_token_but_not_with_a_forged_one() {
    let bench = bench();
    let (verifier, _) = verifier(&bench);
    let mut old = claims();
    old["exp"] = json!(NOW.unix_timestamp() - 3600);
    let expired = bench.key.sign("at+jwt", &old).unwrap();
    assert!(verifier.identity_even_if_expired(&expired, &bench.rules, NOW).is_ok());
    assert_eq!(
        verifier.caller(&expired, &bench.rules, NOW).unwrap_err(),
        TokenFault::Expired.into()
    );
    let forged = SigningKey::generate(Algorithm::Es256)
        .unwrap()
        .sign_raw(&bench.header().to_string(), &old.to_string());
    assert!(verifier.identity_even_if_expired(&forged, &bench.rules, NOW).is_err());
}

#[test]
fn concurrent_first_sights_verify_once() {
    let bench = bench();
    let (verifier, _) = verifier(&bench);
    let token = bench.key.sign("at+jwt", &claims()).unwrap();
    let start = std::sync::Barrier::new(8);
    let seen = std::thread::scope(|scope| {
        let look = || {
            start.wait();
            verifier.caller(&token, &bench.rules, NOW).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(look)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(
        seen.iter().all(|identity| Arc::ptr_eq(identity, &seen[0])),
        "each verification makes an identity of its own"
    );
}

fn hmac_token(secret: &[u8], header: &Value, claims: &Value) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let input = format!("{}.{}", encode(header), encode(claims));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[test]
fn a_shared_secret_verifies_hs256_and_nothing_else() {
    const SECRET: &str = "a secret that is thirty-two bytes long";
    let secret = crate::secret::Secret::new(SECRET);
    let mut bench = bench_with(Algorithm::Es256, KeySource::Secret(secret.clone()));
    let shared = crate::keys::VerifyingKey::from_secret(&secret).unwrap();
    bench.keys = bench.keys.with(ISSUER, [Arc::new(shared)]);
    let rules = Arc::make_mut(bench.rules.issuers.get_mut(ISSUER).unwrap());
    rules.algorithms = vec![Algorithm::Hs256];

    for header in [
        json!({"alg": "HS256", "typ": "JWT"}),
        json!({"alg": "HS256", "kid": "theirs"}),
    ] {
        assert!(
            bench.judge(&hmac_token(SECRET.as_bytes(), &header, &claims())).is_ok(),
            "{header}"
        );
    }
    let good = json!({"alg": "HS256", "typ": "JWT"});
    for wrong in [&SECRET.as_bytes()[1..], b"", ISSUER.as_bytes()] {
        assert_eq!(
            bench.judge(&hmac_token(wrong, &good, &claims())).unwrap_err(),
            TokenFault::BadSignature
        );
    }
    for alg in ["none", "hs256", "HS384", "HS512", "ES256", "RS256", "EdDSA"] {
        assert_eq!(
            bench
                .judge(&hmac_token(
                    SECRET.as_bytes(),
                    &json!({"alg": alg, "typ": "JWT"}),
                    &claims()
                ))
                .unwrap_err(),
            TokenFault::WrongAlgorithm,
            "{alg}"
        );
    }
    let by_key = bench.key.sign("at+jwt", &claims()).unwrap();
    assert_eq!(bench.judge(&by_key).unwrap_err(), TokenFault::WrongAlgorithm);
}

#[test]
fn a_secret_that_its_rules_do_not_allow_verifies_nothing() {
    const SECRET: &str = "a secret that is thirty-two bytes long";
    let mut bench = bench();
    let shared = crate::keys::VerifyingKey::from_secret(&crate::secret::Secret::new(SECRET)).unwrap();
    bench.keys = bench.keys.with(ISSUER, [Arc::new(shared)]);
    let header = json!({"alg": "HS256", "typ": "at+jwt"});
    assert_eq!(
        bench
            .judge(&hmac_token(SECRET.as_bytes(), &header, &claims()))
            .unwrap_err(),
        TokenFault::WrongAlgorithm
    );
}
