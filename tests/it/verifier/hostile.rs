//! JWKS URLs with hostile or broken responses.

use std::time::Duration;

use serde_json::json;

use super::publisher::{ISSUER, Publisher, jwks, key, passed, presented, refused, token, token_with, verifier};
use crate::support::wait_until;

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn hostile_answers_are_refused_with_the_reason_in_the_log() {
    let ours = key();
    let good = jwks(&[&ours]).to_string();
    let mut private = jwks(&[&ours]);
    private["keys"][0]["d"] = "c2VjcmV0".into();
    let secret = json!({ "keys": [{ "kty": "oct", "alg": "HS256", "kid": ours.kid(), "k": "c2VjcmV0" }] });
    let huge = json!({ "keys": jwks(&[&ours])["keys"], "padding": "x".repeat(256 * 1024) }).to_string();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{huge}\r\n0\r\n\r\n",
        huge.len()
    );
    let endless = format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: 1000\r\n\r\n{good}");
    let whole = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
    };
    let elsewhere = Publisher::of(&[&ours]).await;
    let redirect = format!("{JSON}Location: {}\r\n", elsewhere.url());
    let cases = [
        (whole("200 OK", JSON, &huge), "larger than 256 KiB"),
        (chunked, "larger than 256 KiB"),
        (endless, "no complete response within 5 s"),
        (whole("200 OK", JSON, "<html>"), "the response is not JSON"),
        (
            whole("200 OK", "Content-Type: text/html\r\n", &good),
            "the response is not JSON: expected the Content-Type",
        ),
        (
            whole("200 OK", "", &good),
            "the response is not JSON: expected the Content-Type",
        ),
        (whole("200 OK", JSON, "[]"), "not a JWK set"),
        (whole("200 OK", JSON, r#"{"keys":[]}"#), "no key that can verify"),
        (
            whole("200 OK", JSON, &private.to_string()),
            "private or secret key (member `d`)",
        ),
        (
            whole("200 OK", JSON, &secret.to_string()),
            "private or secret key (member `k`)",
        ),
        (whole("302 Found", &redirect, &good), "is a redirect (302"),
        (whole("500 Oops", JSON, &good), "the response has status 500"),
        (whole("201 Created", JSON, &good), "the response has status 201"),
    ];
    let mut publishers = vec![];
    let keeper = Publisher::of(&[&ours]).await;
    let mut entries = vec![keeper.entry(ISSUER, "")];
    for (index, (answer, _)) in cases.iter().enumerate() {
        let publisher = Publisher::down().await;
        publisher.raw(answer.clone());
        entries.push(publisher.entry(&format!("https://{index}.test"), ""));
        publishers.push(publisher);
    }
    let verifier = verifier(&entries).start().await;
    for (index, (_, reason)) in cases.iter().enumerate() {
        let issuer = format!("https://{index}.test");
        wait_until(reason, Duration::from_secs(30), async || {
            let logs = verifier.logs();
            logs.lines()
                .any(|line| line.contains(&format!("\"{issuer}\"")) && line.contains(reason))
        })
        .await;
        assert_eq!(
            presented(&verifier, &token_with(&ours, &json!({ "iss": issuer }))).await,
            refused(503, "issuer_keys_unavailable"),
            "{reason}"
        );
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect is not followed");
    assert_eq!(
        presented(&verifier, &token(&ours)).await,
        passed(),
        "one bad issuer does not harm another"
    );
}

/// Whatever another server sends is its own affair: cookies, and lines that would look like ours.
#[tokio::test]
async fn nothing_of_an_answer_is_in_the_log() {
    const CANARY: &str = "canary-2f6e";
    let ours = key();
    let good = jwks(&[&ours]).to_string();
    let mut named = jwks(&[&ours]);
    named["keys"] = json!([
        { "kty": CANARY, "kid": CANARY },
        { "kty": "RSA", "alg": CANARY, "n": CANARY, "e": "AQAB" },
        { "kty": "OKP", "crv": "Ed25519", "kid": CANARY, "x": "A".repeat(43) },
        { "kty": "OKP", "crv": CANARY, "x": "A" },
    ]);
    let named = named.to_string();
    let length = good.len();
    let answers = [
        format!("HTTP/1.1 200 OK\r\nSet-Cookie: session={CANARY}\r\nbroken header {CANARY}\r\n\r\n{CANARY}"),
        format!("HTTP/1.1 200 OK\r\n{JSON}X-\0: {CANARY}\r\n\r\n"),
        format!("HTTP/1.1 {CANARY}\r\n{JSON}\r\n{CANARY}"),
        format!("{CANARY} 200 OK\r\n\r\n"),
        format!("HTTP/1.1 404 {CANARY}\r\n{JSON}Content-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/{CANARY}\r\nContent-Length: {length}\r\n\r\n{good}"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://{CANARY}/\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: {CANARY}\r\n\r\n{CANARY}"),
        format!("HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{CANARY}\r\n{CANARY}"),
        format!(
            "HTTP/1.1 200 OK\r\n{JSON}Content-Length: {}\r\n\r\n{named}",
            named.len()
        ),
        format!(
            "HTTP/1.1 200 OK\r\n{JSON}Content-Length: {}\r\n\r\n{CANARY}",
            CANARY.len()
        ),
    ];
    let mut publishers = vec![];
    let mut entries = vec![];
    for (index, answer) in answers.iter().enumerate() {
        let publisher = Publisher::down().await;
        publisher.raw(answer.clone());
        entries.push(publisher.entry(&format!("https://{index}.test"), ""));
        publishers.push(publisher);
    }
    let verifier = verifier(&entries)
        .config("observability: { log: { level: 'info,sidegate=debug' } }")
        .spawn()
        .await;
    for index in 0..answers.len() {
        wait_until("each fetch has failed", Duration::from_secs(30), async || {
            let issuer = format!("\"https://{index}.test\"");
            verifier
                .logs()
                .lines()
                .any(|line| line.contains(&issuer) && line.contains("could not be fetched"))
        })
        .await;
    }
    let logs = verifier.logs();
    let found: Vec<_> = logs.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(logs.contains("anybody can sign for it"), "the weak key is reported");
}
