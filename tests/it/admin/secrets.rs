//! The audit log contains no secrets, whatever was done.

use serde_json::{Value, json};

use super::{call, id, operator};
use crate::support::{Answer, Authenticator, PASSWORD, Sidecar, TestSidecar, User};

const NEW: &str = "lantern-osprey-44-quarrel";
const WRONG: &str = "wrong-password-1";
const CLIENT: &str = "ce884a091e9081d0b6485e3ea1cbbcfa";

/// The secrets that the log must not contain.
struct Secrets(Vec<String>);

impl Secrets {
    fn hold(&mut self, text: &str) -> String {
        self.0.push(text.to_owned());
        text.to_owned()
    }

    /// Records the tokens of a response.
    fn of(&mut self, answer: &Value) {
        for name in ["access_token", "refresh_token", "device_token", "mfa_token"] {
            if let Some(text) = answer[name].as_str() {
                self.hold(text);
            }
        }
    }
}

async fn post(sidecar: &Sidecar, target: &str, token: &str, body: &Value) -> Answer {
    let request = sidecar.post(target).json(body);
    let request = if token.is_empty() {
        request
    } else {
        request.bearer(token)
    };
    request.send().await
}

/// Signs in, refreshes, edits the profile, and is changed by an administrator.
async fn sessions_and_administration(sidecar: &Sidecar, secrets: &mut Secrets, admin: &User) {
    let alice = sidecar.user("alice").await;
    secrets.hold(&alice.access_token);
    secrets.hold(&alice.refresh_token);
    sidecar.try_login(&alice.email, WRONG).await;
    let refreshed = sidecar.refresh(&alice.refresh_token).await.json();
    secrets.of(&refreshed);
    sidecar
        .request("PATCH", "/auth/me")
        .bearer(refreshed["access_token"].as_str().unwrap())
        .json(&json!({"profile": {"name": "A", "pin": PASSWORD}}))
        .send()
        .await;
    let path = format!("/users/{}", id(&alice));
    let new = json!({"email": "new@example.com", "password": NEW});
    assert_eq!(call(sidecar, admin, "POST", "/users", Some(&new)).await.status(), 201);
    let edit = json!({"roles": ["staff"], "profile": {"pin": NEW}, "email": "b@example.com"});
    call(sidecar, admin, "PATCH", &path, Some(&edit)).await;
    for (method, rest) in [
        ("POST", "/lock"),
        ("POST", "/unlock"),
        ("POST", "/password-reset"),
        ("POST", "/mfa/reset"),
        ("DELETE", "/sessions"),
    ] {
        call(sidecar, admin, method, &format!("{path}{rest}"), None).await;
    }
    secrets.hold(&sidecar.emailed_secret("b@example.com", "password_reset").await);
    secrets.of(&sidecar.try_login("new@example.com", NEW).await.json());
}

/// Verifies an email address, changes it, and resets the password.
async fn messages(sidecar: &Sidecar, secrets: &mut Secrets) {
    let bob = sidecar.user("bob").await;
    let code = secrets.hold(&sidecar.emailed_secret(&bob.email, "email_verification").await);
    for typed in ["000000", &code] {
        let body = json!({ "email": bob.email, "code": typed });
        post(sidecar, "/auth/email/verify", "", &body).await;
    }
    let body = json!({ "new_email": "bob@example.org", "password": PASSWORD });
    let asked = post(sidecar, "/auth/email/change", &bob.access_token, &body).await;
    assert_eq!(asked.status(), 202, "{}", asked.text());
    let old = secrets.hold(&sidecar.emailed_secret(&bob.email, "email_change_old").await);
    let new = secrets.hold(&sidecar.emailed_secret("bob@example.org", "email_change_new").await);
    let body = json!({ "code_old": old, "code_new": new });
    let moved = post(sidecar, "/auth/email/change/confirm", &bob.access_token, &body).await;
    assert_eq!(moved.status(), 204, "{}", moved.text());
    post(
        sidecar,
        "/auth/password/forgot",
        "",
        &json!({ "email": "bob@example.org" }),
    )
    .await;
    let link = secrets.hold(&sidecar.emailed_secret("bob@example.org", "password_reset").await);
    for password in ["password", NEW, NEW, WRONG] {
        let body = json!({ "token": link, "password": password });
        post(sidecar, "/auth/password/reset", "", &body).await;
    }
    let again = sidecar.try_login("bob@example.org", NEW).await.json();
    secrets.of(&again);
    let body = json!({ "password": NEW, "new_password": PASSWORD });
    let changed = post(
        sidecar,
        "/auth/password/change",
        again["access_token"].as_str().unwrap(),
        &body,
    )
    .await;
    assert_eq!(changed.status(), 204, "{}", changed.text());
}

/// Every second factor, right and wrong.
async fn second_factors(sidecar: &Sidecar, secrets: &mut Secrets) {
    let dana = sidecar.user("dana").await;
    let token = &dana.access_token;
    let code = sidecar.emailed_secret(&dana.email, "email_verification").await;
    let body = json!({ "email": dana.email, "code": code });
    post(sidecar, "/auth/email/verify", "", &body).await;
    let begun = post(sidecar, "/auth/mfa/totp", token, &json!({ "password": PASSWORD })).await;
    let begun = begun.json();
    let phone = Authenticator::typed(&secrets.hold(begun["secret"].as_str().unwrap()));
    let code = secrets.hold(&phone.code(0));
    let confirmed = post(sidecar, "/auth/mfa/totp/confirm", token, &json!({ "code": code })).await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    let confirmed = confirmed.json();
    let spare: Vec<_> = confirmed["recovery_codes"].as_array().unwrap().iter().collect();
    for code in &spare {
        secrets.hold(code.as_str().unwrap());
    }
    let totp = secrets.hold(&phone.code(1));
    for (factor, code) in [
        ("totp", json!("not-a-code-at-all")),
        ("totp", json!(totp)),
        ("recovery_code", json!("0000-1111-2222-3333")),
        ("recovery_code", spare[0].clone()),
    ] {
        let asked = sidecar.try_login(&dana.email, PASSWORD).await.json();
        secrets.of(&asked);
        let body = json!({ "mfa_token": asked["mfa_token"], factor: code });
        secrets.of(&post(sidecar, "/auth/login/mfa", "", &body).await.json());
    }
    let raised = post(
        sidecar,
        "/auth/mfa/verify",
        token,
        &json!({ "recovery_code": spare[1] }),
    )
    .await;
    assert_eq!(raised.status(), 200, "{}", raised.text());
    secrets.of(&raised.json());
    let body = json!({ "password": PASSWORD, "recovery_code": spare[2] });
    let removed = sidecar.delete("/auth/mfa/totp").bearer(token).json(&body).send().await;
    assert!(removed.status() < 300, "{}", removed.text());
}

/// Clients that introspect tokens, and an invitation.
async fn clients_and_invitations(sidecar: &Sidecar, secrets: &mut Secrets, admin: &User) {
    let erin = sidecar.user("erin").await;
    secrets.hold(&erin.access_token);
    secrets.hold(&erin.refresh_token);
    for secret in [WRONG, CLIENT] {
        for target in ["/auth/introspect", "/auth/revoke"] {
            let form = format!("client_id=wiki&client_secret={secret}&token={}", erin.refresh_token);
            let form_type = "application/x-www-form-urlencoded";
            let request = sidecar.post(target).header("Content-Type", form_type);
            let answer = request.body(form).send().await;
            assert_eq!(
                answer.status(),
                if secret == CLIENT { 200 } else { 401 },
                "{}",
                answer.text()
            );
        }
    }
    let body = json!({ "email": "frank@example.com", "roles": ["staff"] });
    assert_eq!(
        call(sidecar, admin, "POST", "/invitations", Some(&body)).await.status(),
        201
    );
    let token = secrets.hold(&sidecar.emailed_secret("frank@example.com", "invitation").await);
    for invitation in ["sgi_no-such-invitation", &token, &token] {
        let body = json!({ "email": "frank@example.com", "password": PASSWORD, "invitation": invitation });
        post(sidecar, "/auth/register", "", &body).await;
    }
    sidecar.command(&["user", "invite", "grace@example.com"]);
    secrets.hold(&sidecar.emailed_secret("grace@example.com", "invitation").await);
    sidecar.command(&["keys", "rotate", "--now"]);
    let over = post(sidecar, "/auth/logout", &admin.access_token, &json!({ "scope": "all" })).await;
    assert!(over.status() < 300, "{}", over.text());
}

#[tokio::test]
async fn nothing_secret_is_in_the_audit_log_after_every_flow_there_is() {
    let clients = format!("auth: {{ clients: [{{ id: wiki, secret: \"{CLIENT}\" }}], lockout: {{ attempts: 1000 }} }}");
    let sidecar = TestSidecar::new().config(&clients).start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let mut secrets = Secrets(
        [PASSWORD, NEW, WRONG, CLIENT, "$2b$", "$argon2"]
            .map(str::to_owned)
            .to_vec(),
    );
    secrets.hold(&admin.access_token);
    secrets.hold(&admin.refresh_token);
    sessions_and_administration(&sidecar, &mut secrets, &admin).await;
    messages(&sidecar, &mut secrets).await;
    second_factors(&sidecar, &mut secrets).await;
    clients_and_invitations(&sidecar, &mut secrets, &admin).await;

    let database = sidecar.database().await;
    let rows = database
        .query(
            "SELECT event, data::text, to_jsonb(audit_logs)::text FROM audit_logs",
            &[],
        )
        .await
        .unwrap();
    let mut events: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    events.sort_unstable();
    events.dedup();
    assert!(events.len() >= 30, "{} kinds of events: {events:?}", events.len());
    for row in rows {
        let (event, data, text): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        for secret in &secrets.0 {
            // Six digits can be part of an id or a time: they are searched as a word in the texts.
            let found = if secret.len() > 6 {
                text.contains(secret.as_str())
            } else {
                data.split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| word == secret)
            };
            assert!(!found, "{event} holds a secret: {text}");
        }
        let hex = text
            .split(|c: char| !c.is_ascii_hexdigit())
            .any(|word| word.len() >= 40);
        assert!(!hex, "{event} holds what looks like a hash: {text}");
    }
}
