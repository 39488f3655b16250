//! What protects accounts, seen by a client: the real binary, over HTTP and at the command line.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Sidecar, TestSidecar, User};

const NEW: &str = "tepid-gravel-19-walnut";
const ALICE: &str = "alice@example.com";

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn post(sidecar: &Sidecar, path: &str, by: &User, body: &Value) -> Answer {
    sidecar.post(path).bearer(&by.access_token).json(body).send().await
}

/// The code of the first wrong field.
fn field_error(answer: &Answer) -> (u16, Value) {
    (answer.status(), answer.json()["errors"][0]["code"].clone())
}

#[tokio::test]
async fn an_account_with_a_second_factor_changes_no_credential_without_it() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let verify = json!({ "email": ALICE, "code": sidecar.emailed_secret(ALICE, "email_verification").await });
    assert_eq!(
        sidecar.post("/auth/email/verify").json(&verify).send().await.status(),
        204
    );
    let password = json!({ "password": PASSWORD });
    let enable = sidecar.request("PUT", "/auth/mfa/email").bearer(&alice.access_token);
    assert_eq!(enable.json(&password).send().await.status(), 204);

    let change = |more: Value| {
        let mut body = json!({ "password": PASSWORD, "new_password": NEW });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let without = post(&sidecar, "/auth/password/change", &alice, &change(json!({}))).await;
    assert_eq!(refused(&without), is(403, "second_factor_required"));
    let moved = json!({ "password": PASSWORD, "new_email": "alice@example.org" });
    let without = post(&sidecar, "/auth/email/change", &alice, &moved).await;
    assert_eq!(refused(&without), is(403, "second_factor_required"));
    for (method, path) in [
        ("DELETE", "/auth/me"),
        ("DELETE", "/auth/mfa/email"),
        ("POST", "/auth/mfa/totp"),
        ("POST", "/auth/mfa/recovery-codes"),
    ] {
        let request = sidecar
            .request(method, path)
            .bearer(&alice.access_token)
            .json(&password);
        let without = request.send().await;
        assert_eq!(refused(&without), is(403, "second_factor_required"), "{method} {path}");
    }

    let ask = sidecar.post("/auth/mfa/email").bearer(&alice.access_token).send().await;
    assert_eq!(ask.status(), 202, "{}", ask.text());
    let code = sidecar.emailed_secret(ALICE, "mfa_code").await;
    let two = change(json!({ "email_code": code, "totp": "123456" }));
    assert_eq!(
        post(&sidecar, "/auth/password/change", &alice, &two).await.status(),
        422
    );
    let with = change(json!({ "email_code": code }));
    assert_eq!(
        post(&sidecar, "/auth/password/change", &alice, &with).await.status(),
        204
    );
}

#[tokio::test]
async fn an_address_that_no_message_can_be_sent_to_is_refused_everywhere() {
    let sidecar = TestSidecar::new()
        .config("auth: { registration: { mode: invitation } }")
        .start()
        .await;
    let created = sidecar.command(&["user", "create", ALICE, "--password-file", &password_file()]);
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let alice = sidecar.login(ALICE).await;
    for email in [
        "\u{130}a@example.com",
        "q\u{307}@example.com",
        "\u{e17}\u{e35}\u{e48}@example.com",
    ] {
        let register = json!({ "email": email, "password": PASSWORD, "invitation": "sgi_x" });
        let answer = sidecar.post("/auth/register").json(&register).send().await;
        assert_eq!(field_error(&answer), (422, json!("email_invalid")), "{email:?}");
        let change = json!({ "new_email": email, "password": PASSWORD });
        let answer = post(&sidecar, "/auth/email/change", &alice, &change).await;
        assert_eq!(field_error(&answer), (422, json!("email_invalid")), "{email:?}");
        let file = password_file();
        for command in [
            vec!["user", "invite", email],
            vec!["user", "create", email, "--password-file", &file],
        ] {
            let output = sidecar.command(&command);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{command:?}");
            assert!(said.contains("not a valid email address"), "{said}");
        }
    }
    // The near miss: characters of other scripts that can be sent to.
    let invited = sidecar.command(&["user", "invite", "m\u{fc}ller@example.com"]);
    assert!(invited.status.success(), "{}", String::from_utf8_lossy(&invited.stderr));
}

/// A file with the password, which lives as long as the test program.
fn password_file() -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), PASSWORD).unwrap();
    let (_, path) = file.keep().unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_that_is_redeemed_twice_at_once_alarms_nobody() {
    let sidecar = TestSidecar::new()
        .config("auth: { registration: { mode: invitation } }")
        .start()
        .await;
    for round in 0..3 {
        let email = format!("carol{round}@example.com");
        assert!(sidecar.command(&["user", "invite", &email]).status.success());
        let token = sidecar.emailed_secret(&email, "invitation").await;
        let register = async |password: &str| {
            let body = json!({ "email": email, "password": password, "invitation": token });
            sidecar.post("/auth/register").json(&body).send().await
        };
        let answers = join_all((0..4).map(|_| register(PASSWORD))).await;
        assert!(
            answers.iter().all(|answer| answer.status() == 202),
            "the same client, retrying"
        );
        assert_eq!(sidecar.count_messages(&email, "registration_attempted").await, 0);
        let other = register(NEW).await;
        assert_eq!(
            refused(&other),
            is(403, "invitation_invalid"),
            "somebody else with the link"
        );
        assert_eq!(sidecar.count_messages(&email, "registration_attempted").await, 0);
    }
}

#[tokio::test]
async fn the_device_cookie_is_secure_if_the_public_url_is_https_whatever_the_issuer_is_called() {
    for (public_url, secure) in [("https://gw.example.com", true), ("http://gw.example.com", false)] {
        let config = format!("server: {{ public_url: \"{public_url}\" }}");
        let sidecar = TestSidecar::new().config(&config).start().await;
        sidecar.user("alice").await;
        let answer = sidecar.try_login(ALICE, PASSWORD).await;
        let cookie = answer.header("set-cookie").unwrap();
        assert_eq!(cookie.contains("; Secure"), secure, "{public_url}: {cookie}");
    }
}

#[tokio::test]
async fn a_reset_to_the_present_password_is_refused_and_uses_up_no_link() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let forgot = json!({ "email": ALICE });
    assert_eq!(
        sidecar
            .post("/auth/password/forgot")
            .json(&forgot)
            .send()
            .await
            .status(),
        202
    );
    let token = sidecar.emailed_secret(ALICE, "password_reset").await;
    let reset = async |password: &str| {
        let body = json!({ "token": token, "password": password });
        sidecar.post("/auth/password/reset").json(&body).send().await
    };
    assert_eq!(field_error(&reset(PASSWORD).await), (422, json!("password_unchanged")));
    assert_eq!(
        sidecar
            .get("/auth/me")
            .bearer(&alice.access_token)
            .send()
            .await
            .status(),
        200
    );
    assert_eq!(reset(NEW).await.status(), 204);
    assert_eq!(sidecar.try_login(ALICE, NEW).await.status(), 200);
}

#[tokio::test]
async fn the_codes_of_an_address_change_survive_an_outage_of_postgresql() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let change = json!({ "new_email": "alice@example.org", "password": PASSWORD });
    assert_eq!(
        post(&sidecar, "/auth/email/change", &alice, &change).await.status(),
        202
    );
    let codes = json!({
        "code_old": sidecar.emailed_secret(ALICE, "email_change_old").await,
        "code_new": sidecar.emailed_secret("alice@example.org", "email_change_new").await,
    });
    sidecar.postgres_network().cut();
    let outage = post(&sidecar, "/auth/email/change/confirm", &alice, &codes).await;
    assert_eq!(refused(&outage), is(503, "unavailable"));
    sidecar.postgres_network().heal();
    crate::support::wait_until("the codes work", std::time::Duration::from_secs(10), async || {
        let answer = post(&sidecar, "/auth/email/change/confirm", &alice, &codes).await;
        assert_ne!(answer.status(), 400, "the codes were used up");
        answer.status() == 204
    })
    .await;
    assert_eq!(sidecar.try_login("alice@example.org", PASSWORD).await.status(), 200);
    let alice = sidecar.login("alice@example.org").await;
    let again = post(&sidecar, "/auth/email/change/confirm", &alice, &codes).await;
    assert_eq!(refused(&again), is(400, "email_code_invalid"), "they work once");
}

#[tokio::test]
async fn what_users_choose_cannot_rewrite_an_operators_terminal() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    for name in ["phone\u{202e}gnp", "phone\u{200b}", "phone\u{1b}[2J"] {
        let login = json!({ "email": ALICE, "password": PASSWORD, "device_name": name });
        let answer = sidecar.post("/auth/login").json(&login).send().await;
        assert_eq!(field_error(&answer), (422, json!("device_name_invalid")), "{name:?}");
    }
    let login = json!({ "email": ALICE, "password": PASSWORD, "device_name": "Zo\u{eb}'s \u{1f4f1}\u{fe0f}" });
    assert_eq!(sidecar.post("/auth/login").json(&login).send().await.status(), 200);
    for profile in [json!({ "na\u{200b}me": "x" }), json!({ "name": "\u{202e}nimda" })] {
        let request = sidecar.request("PATCH", "/auth/me").bearer(&alice.access_token);
        let answer = request.json(&json!({ "profile": profile })).send().await;
        assert_eq!(field_error(&answer), (422, json!("control_character")), "{profile}");
    }
    let granted = sidecar.command(&["user", "grant", "alice", "--role", "ad\u{200b}min"]);
    assert_eq!(granted.status.code(), Some(1));
    // What is in the database from before, or was written by another program.
    let database = sidecar.database().await;
    let hostile = "UPDATE users SET profile = jsonb_build_object(U&'bi\\202Eo', U&'\\202E\\001B[2J')";
    database.execute(hostile, &[]).await.unwrap();
    database
        .execute("UPDATE sessions SET device_name = U&'phone\\202Egnp'", &[])
        .await
        .unwrap();
    for command in [["user", "show", "alice"], ["session", "list", "alice"]] {
        for format in ["table", "json"] {
            let output = sidecar.command(&[&command[..], &["--output", format]].concat());
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("\\u202e"), "{command:?} {format}: {text}");
            assert!(!text.contains(['\u{202e}', '\u{1b}']), "{command:?} {format}: {text:?}");
        }
    }
}

#[tokio::test]
async fn the_times_of_an_invitation_are_the_same_in_both_responses() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    assert!(
        sidecar
            .command(&["user", "grant", "alice", "--permission", "sidegate:admin"])
            .status
            .success()
    );
    let admin = sidecar.login(ALICE).await;
    let invite = json!({ "email": "bob@example.com" });
    let made = post(&sidecar, "/auth/admin/invitations", &admin, &invite).await.json();
    let listed = sidecar
        .get("/auth/admin/invitations")
        .bearer(&admin.access_token)
        .send()
        .await;
    let listed = &listed.json()["invitations"][0];
    for time in ["created_at", "expires_at"] {
        assert_eq!(made[time], listed[time]);
        let fraction = made[time].as_str().unwrap().split('.').nth(1).unwrap_or("Z");
        assert!(fraction.len() <= 7, "whole microseconds: {}", made[time]);
    }
}

#[tokio::test]
async fn users_see_what_happened_to_their_account_and_not_who_the_operator_is() {
    let sidecar = TestSidecar::new().start().await;
    let (alice, _) = (sidecar.user("alice").await, sidecar.user("bob").await);
    sidecar.try_login(ALICE, "wrong").await;
    sidecar.user("carol").await;
    assert!(
        sidecar
            .command(&["user", "grant", "carol", "--permission", "sidegate:admin"])
            .status
            .success()
    );
    let admin = sidecar.login("carol@example.com").await;
    let id = crate::support::claims(&alice.access_token)["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let edit = sidecar.request("PATCH", &format!("/auth/admin/users/{id}"));
    let edited = edit
        .bearer(&admin.access_token)
        .json(&json!({ "roles": ["staff"] }))
        .send()
        .await;
    assert_eq!(edited.status(), 200, "{}", edited.text());
    let alice = sidecar.login(ALICE).await;

    let mut seen = Vec::new();
    let mut target = "/auth/activity?limit=2".to_owned();
    loop {
        let page = sidecar.get(&target).bearer(&alice.access_token).send().await;
        assert_eq!(page.status(), 200, "{}", page.text());
        let page = page.json();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 2);
        seen.extend(events.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("/auth/activity?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let named = |event: &str| seen.iter().filter(|entry| entry["event"] == event).collect::<Vec<_>>();
    assert_eq!(named("login_succeeded").len(), 2);
    let failed = named("login_failed");
    assert_eq!((failed.len(), &failed[0]["by"]), (1, &json!("not_signed_in")));
    assert_eq!(failed[0]["client_ip"], "127.0.0.1", "where somebody else tried from");
    let changed = named("roles_changed")[0];
    assert_eq!(changed["by"], "operator");
    assert_eq!(
        (&changed["client_ip"], &changed["user_agent"]),
        (&Value::Null, &Value::Null)
    );
    assert!(changed.get("actor_id").is_none() && changed.get("data").is_none());
    assert!(seen.len() < 10, "only her own: {seen:?}");
    let empty = sidecar
        .get("/auth/activity?cursor=")
        .bearer(&alice.access_token)
        .send()
        .await;
    assert_eq!(empty.status(), 422);
    assert_eq!(
        refused(&sidecar.get("/auth/activity").send().await),
        is(401, "credentials_missing")
    );
}

#[tokio::test]
async fn everybody_is_signed_out_by_an_administrator_or_at_the_command_line() {
    let sidecar = TestSidecar::new().start().await;
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    let end = async |by: &User| {
        sidecar
            .delete("/auth/admin/sessions")
            .bearer(&by.access_token)
            .send()
            .await
    };
    assert_eq!(refused(&end(&alice).await), is(403, "permission_denied"));
    assert!(
        sidecar
            .command(&["user", "grant", "bob", "--permission", "sidegate:admin"])
            .status
            .success()
    );
    let bob = sidecar.login(&bob.email).await;
    let ended = end(&bob).await;
    assert_eq!(ended.status(), 200, "{}", ended.text());
    assert_eq!(ended.json(), json!({ "accounts": 1, "sessions": 1, "complete": true }));
    let status = async |user: &User| sidecar.get("/auth/me").bearer(&user.access_token).send().await.status();
    assert_eq!((status(&alice).await, status(&bob).await), (401, 200));

    assert_eq!(
        sidecar.command(&["session", "revoke-all"]).status.code(),
        Some(2),
        "without --everyone"
    );
    let output = sidecar.command(&["session", "revoke-all", "--everyone"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crate::support::wait_until("bob is signed out", std::time::Duration::from_secs(10), async || {
        status(&bob).await == 401
    })
    .await;
}

#[tokio::test]
async fn the_most_sessions_of_an_account_are_configured() {
    let sidecar = TestSidecar::new()
        .config("auth: { sessions: { per_user: 2 } }")
        .start()
        .await;
    let first = sidecar.user("alice").await;
    let second = sidecar.login(ALICE).await;
    let third = sidecar.login(ALICE).await;
    let status = async |user: &User| sidecar.get("/auth/me").bearer(&user.access_token).send().await.status();
    assert_eq!(
        (status(&first).await, status(&second).await, status(&third).await),
        (401, 200, 200)
    );
    let refreshed = sidecar.refresh(&first.refresh_token).await;
    assert_eq!(refused(&refreshed), is(401, "refresh_revoked"));
}

#[tokio::test]
async fn an_imported_user_with_a_long_password_signs_in() {
    let long = "quarrel lantern osprey 71 tepid gravel walnut 19 marble thicket copper 57 and more";
    for (hash, replaced) in [("bcrypt", false), ("argon2id", true)] {
        let config = format!("auth: {{ password: {{ hash: {hash}, memory: 64KiB }} }}");
        let sidecar = TestSidecar::new().config(&config).start().await;
        let line = json!({ "email": ALICE, "password_hash": bcrypt::hash(long, 4).unwrap() });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{line}\n")).unwrap();
        let imported = sidecar.command(&["user", "import", file.path().to_str().unwrap()]);
        assert!(
            imported.status.success(),
            "{}",
            String::from_utf8_lossy(&imported.stderr)
        );
        for _ in 0..2 {
            assert_eq!(sidecar.try_login(ALICE, long).await.status(), 200, "{hash}");
        }
        assert_eq!(sidecar.try_login(ALICE, &long[..71]).await.status(), 401, "{hash}");
        let kept = "SELECT password_hash FROM users";
        let kept: String = sidecar.database().await.query_one(kept, &[]).await.unwrap().get(0);
        assert_eq!(kept.starts_with("$argon2id$"), replaced, "{kept}");
    }
}

#[tokio::test]
async fn a_password_signs_in_on_a_keyboard_that_composes_its_characters_in_another_way() {
    let (composed, decomposed) = (
        "quarr\u{e9}l lantern 71 osprey",
        "quarre\u{301}l\u{a0}lantern 71 osprey",
    );
    for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
        let sidecar = TestSidecar::new().start().await;
        let register = json!({ "email": ALICE, "password": set });
        assert_eq!(
            sidecar.post("/auth/register").json(&register).send().await.status(),
            202
        );
        assert_eq!(sidecar.try_login(ALICE, typed).await.status(), 200);
        assert_eq!(
            sidecar.try_login(ALICE, "quarrel lantern 71 osprey").await.status(),
            401
        );
    }
}

#[tokio::test]
async fn a_password_from_the_list_of_breaches_is_refused() {
    let list = tempfile::NamedTempFile::new().unwrap();
    // The SHA-1 of the password below, in a sorted file.
    let mut lines = ["quarrel-lantern-72-osprey", "tepid-gravel-20-walnut"]
        .map(|password| format!("{}:3", data_encoding::HEXUPPER.encode(&sha1(password))))
        .to_vec();
    lines.sort();
    std::fs::write(list.path(), lines.join("\r\n")).unwrap();
    let config = format!("auth: {{ password: {{ breached: \"{}\" }} }}", list.path().display());
    let sidecar = TestSidecar::new().config(&config).start().await;
    let register = async |password: &str| {
        let body = json!({ "email": ALICE, "password": password });
        sidecar.post("/auth/register").json(&body).send().await
    };
    for found in ["quarrel-lantern-72-osprey", "tepid-gravel-20-walnut"] {
        assert_eq!(
            field_error(&register(found).await),
            (422, json!("password_breached")),
            "{found}"
        );
    }
    assert_eq!(register(PASSWORD).await.status(), 202);
}

fn sha1(text: &str) -> Vec<u8> {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    digest.as_ref().to_vec()
}
