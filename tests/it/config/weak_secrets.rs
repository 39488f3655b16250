//! Secrets that can be guessed are mistakes, wherever Sidegate relies on one.

use std::process::Command;

use super::{GOOD, SHIPPED, parse, parse_with};

const SECRET: &str = "\"YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk=\"";
const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// The bytes 0 to 31.
const SEQUENCE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// `sidegate tests: no secret at all`
const TEXT: &str = "c2lkZWdhdGUgdGVzdHM6IG5vIHNlY3JldCBhdCBhbGw=";
const WORD: &str = "change-me-change-me-change-me-change-me-chA=";

const HOW: &str = "make your own with `sidegate secrets new`";

/// `GOOD` with another value for each kind of secret.
fn with_secret(kind: &str, value: &str) -> String {
    let client = |secret: &str| format!("auth:\n  clients: [{{ id: billing, secret: \"{secret}\" }}]");
    match kind {
        "auth.secret" => GOOD.replace(SECRET, &format!("\"{value}\"")),
        "auth.previous_secrets[0]" => GOOD.replace(SECRET, &format!("{SECRET}\n  previous_secrets: [\"{value}\"]")),
        "auth.clients[0].secret" => GOOD.replace("auth:", &client(value)),
        "issuers[0].hs256_secret" => {
            format!("{GOOD}issuers: [{{ issuer: https://a.test, audience: x, hs256_secret: \"{value}\" }}]")
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_secret_that_can_be_guessed_is_a_mistake_wherever_it_stands() {
    let key = "expected 32 random bytes, got";
    let text = "expected a random secret, got";
    for (kind, value, expected) in [
        (
            "auth.secret",
            ZERO,
            format!("{key} a pattern that can be guessed: {HOW}"),
        ),
        (
            "auth.secret",
            SEQUENCE,
            format!("{key} a pattern that can be guessed: {HOW}"),
        ),
        ("auth.secret", TEXT, format!("{key} text in base64: {HOW}")),
        ("auth.secret", WORD, format!("{key} a sample value: {HOW}")),
        (
            "auth.previous_secrets[0]",
            ZERO,
            format!("{key} a pattern that can be guessed: {HOW}"),
        ),
        (
            "auth.clients[0].secret",
            "an example that is no secret at all",
            format!("{text} a sample value: {HOW}"),
        ),
        (
            "auth.clients[0].secret",
            "0123456789abcdef0123456789abcdef",
            format!("{text} a pattern that can be guessed: {HOW}"),
        ),
        (
            "issuers[0].hs256_secret",
            "super-secret-jwt-token-with-at-least-32-characters-long",
            format!("{text} a sample value: {HOW}"),
        ),
        (
            "issuers[0].hs256_secret",
            ZERO,
            format!("{text} a pattern that can be guessed: {HOW}"),
        ),
    ] {
        let lines = parse(&with_secret(kind, value)).map(drop).expect_err(kind);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].ends_with(&format!("{kind}: {expected}")), "{}", lines[0]);
        assert!(!lines[0].contains(value), "{}", lines[0]);
    }
}

#[test]
fn a_generated_secret_is_accepted_wherever_it_stands() {
    for kind in [
        "auth.secret",
        "auth.previous_secrets[0]",
        "auth.clients[0].secret",
        "issuers[0].hs256_secret",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(["secrets", "new"])
            .env_clear()
            .output()
            .unwrap();
        let made = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && made.ends_with('\n') && made.trim().len() == 44,
            "{made}"
        );
        parse(&with_secret(kind, made.trim())).unwrap_or_else(|lines| panic!("{kind}: {lines:?}"));
    }
}

#[test]
fn neither_check_nor_serve_accepts_a_sample_and_both_say_how_to_make_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sidegate.yaml");
    for command in ["check", "serve"] {
        let run = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let mut process = Command::new(env!("CARGO_BIN_EXE_sidegate"));
            process.args([command, "--config"]).arg(&file).env_clear();
            let output = process.output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (code, said) = run(&with_secret("auth.secret", ZERO));
        assert!(code == Some(64) && said.contains(HOW), "{command}: {code:?} {said}");
        // The file that has every key: it contains no secret, and does not start without.
        let (code, said) = run(include_str!("../../../config/sidegate.yaml"));
        assert_eq!(code, Some(64), "{command}: {said}");
        for name in ["SIDEGATE_SECRET", "BILLING_SECRET"] {
            assert!(
                said.contains(&format!("the environment variable {name} is not set")),
                "{said}"
            );
        }
    }
}

#[test]
fn no_shipped_configuration_contains_a_secret() {
    for (name, text) in [
        ("sidegate.yaml", include_str!("../../../config/sidegate.yaml")),
        ("dev.yaml", include_str!("../../../config/dev.yaml")),
    ] {
        assert!(parse(text).is_err(), "{name} is valid without a secret from outside");
        parse_with(text, SHIPPED).unwrap_or_else(|lines| panic!("{name}: {lines:?}"));
    }
}
