//! Tokens of the instance's own issuer, signed by its own key with claims that it would not write.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sidegate::keys::{Algorithm, KeyUse, Secrets, SigningKey, provider};
use sidegate::secret::Key32;

use crate::support::config::SECRET;
use crate::support::{Sidecar, TestSidecar, claims, now, wait_until};

const CLIENTS: &str = r#"auth: { clients: [{ id: billing, secret: "ce884a091e9081d0b6485e3ea1cbbcfa" }] }"#;
const BILLING: &str = "billing:ce884a091e9081d0b6485e3ea1cbbcfa";

/// The key that signs the sidecar's tokens.
async fn signing_key(sidecar: &Sidecar) -> SigningKey {
    provider::install();
    let select = "SELECT kid, private_sealed FROM signing_keys WHERE state = 'active'";
    let row = sidecar.database().await.query_one(select, &[]).await.unwrap();
    let (kid, sealed): (String, Vec<u8>) = (row.get(0), row.get(1));
    let secret = Key32::new(STANDARD.decode(SECRET).unwrap().try_into().unwrap());
    let secrets = Secrets::new(&secret, []).unwrap();
    let der = secrets.open(KeyUse::SigningKey, &kid, &sealed).unwrap();
    SigningKey::from_der(Algorithm::Es256, &der).unwrap()
}

/// The status of a request with the token, the code of a refusal, and whether introspection calls it active.
async fn judged(sidecar: &Sidecar, token: &str) -> (u16, String, Value) {
    let answer = sidecar.get("/x").bearer(token).send().await;
    let code = if answer.reached_upstream() {
        String::new()
    } else {
        answer.code()
    };
    let asked = sidecar
        .post("/auth/introspect")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Authorization", &format!("Basic {}", STANDARD.encode(BILLING)))
        .body(format!("token={token}"));
    let said = asked.send().await;
    assert_eq!(said.status(), 200, "{}", said.text());
    (answer.status(), code, said.json()["active"].clone())
}

#[tokio::test]
async fn a_token_of_the_issuer_itself_ends_at_exp_for_the_gate_and_for_introspection() {
    let sidecar = TestSidecar::new().config(CLIENTS).start().await;
    let alice = sidecar.user("alice").await;
    let key = signing_key(&sidecar).await;
    let with = |other: Value| {
        let mut claims = claims(&alice.access_token);
        for (name, value) in other.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.sign("at+jwt", &claims).unwrap()
    };
    let passes = (200, String::new(), json!(true));
    let refused = |code: &str| (401, code.to_owned(), json!(false));
    assert_eq!(judged(&sidecar, &with(json!({ "exp": now() + 60 }))).await, passes);
    for age in [0, 1, 20, 31] {
        let token = with(json!({ "exp": now() - age }));
        assert_eq!(judged(&sidecar, &token).await, refused("token_expired"), "{age} s");
    }
    // The clock of another instance may be ahead.
    assert_eq!(judged(&sidecar, &with(json!({ "iat": now() + 20 }))).await, passes);
    for (other, code) in [
        (json!({ "iat": now() + 60 }), "token_not_yet_valid"),
        (json!({ "jti": null }), "token_bad_claims"),
        (json!({ "sid": null }), "token_bad_claims"),
        (json!({ "nbf": null }), "token_bad_claims"),
        (json!({ "sub": " " }), "token_bad_claims"),
        (json!({ "cnf": { "jkt": "a" } }), "token_bound_to_key"),
    ] {
        assert_eq!(judged(&sidecar, &with(other.clone())).await, refused(code), "{other}");
    }
}

#[tokio::test]
async fn an_imported_rsa_key_signs_and_the_running_instance_keeps_it() {
    let mut sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    // Signs in often: the most sessions of an account are limited, and Alice's is needed.
    let bob = sidecar.user("bob").await;
    sidecar.reconfigure("auth: { signing: { algorithm: RS256 } }");
    sidecar.restart().await;
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/src/keys/testdata/rsa_3072.pem");
    for arguments in [&["keys", "import", pem][..], &["keys", "rotate", "--now"]] {
        let output = sidecar.command(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    wait_until("it signs with RS256", Duration::from_secs(20), async || {
        let token = sidecar.login(&bob.email).await.access_token;
        let answer = sidecar.get("/x").bearer(&token).send().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        header(&token)["alg"] == "RS256"
    })
    .await;
    let published = sidecar.get("/.well-known/jwks.json").send().await.json();
    let algorithms: Vec<_> = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["alg"])
        .collect();
    assert!(algorithms.contains(&&json!("RS256")), "{published}");
    assert_eq!(sidecar.get("/x").bearer(&alice.access_token).send().await.status(), 200);
}

fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}
