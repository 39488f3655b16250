//! Second factors for a client: the real binary, over HTTP, with an independent authenticator app.

use data_encoding::BASE32_NOPAD;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Authenticator, PASSWORD, Sidecar, TestSidecar, User};

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Adds an authenticator app to an account: returns the app, and the recovery codes. This spends the code of the
/// current time step.
async fn enrol(sidecar: &Sidecar, user: &User) -> (Authenticator, Vec<String>) {
    let begun = sidecar
        .post("/auth/mfa/totp")
        .bearer(&user.access_token)
        .json(&json!({ "password": PASSWORD }))
        .send()
        .await;
    assert_eq!(begun.status(), 200, "{}", begun.text());
    let begun = begun.json();
    let phone = Authenticator::typed(begun["secret"].as_str().unwrap());
    let confirmed = sidecar
        .post("/auth/mfa/totp/confirm")
        .bearer(&user.access_token)
        .json(&json!({ "code": phone.code(0) }))
        .send()
        .await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    let codes = confirmed.json()["recovery_codes"].clone();
    (phone, serde_json::from_value(codes).unwrap())
}

/// Signs in with the password and gets the `mfa_token`.
async fn ask(sidecar: &Sidecar, email: &str) -> String {
    let asked = sidecar.try_login(email, PASSWORD).await;
    assert_eq!(asked.status(), 200, "{}", asked.text());
    let asked = asked.json();
    assert_eq!(
        (&asked["mfa_required"], &asked["expires_in"]),
        (&json!(true), &json!(300))
    );
    assert!(asked.get("access_token").is_none(), "{asked}");
    asked["mfa_token"].as_str().unwrap().to_owned()
}

async fn second(sidecar: &Sidecar, mfa_token: &str, kind: &str, code: &str) -> Answer {
    let body = json!({ "mfa_token": mfa_token, kind: code });
    sidecar.post("/auth/login/mfa").json(&body).send().await
}

async fn claims(sidecar: &Sidecar, token: &str) -> Value {
    let who = sidecar.get("/auth/whoami").bearer(token).send().await;
    who.json()["claims"].clone()
}

fn with_strong_routes() -> TestSidecar {
    TestSidecar::new()
        .config("policies: { strong: [{ allow: { mfa: true, max_age: 10m } }] }")
        .route("/strong/**", "strong")
        .route("/**", "authenticated")
}

#[tokio::test]
async fn a_route_that_asks_for_a_second_factor_opens_after_one() {
    let sidecar = with_strong_routes().start().await;
    let alice = sidecar.user("alice").await;
    let strong = async |token: &str| sidecar.get("/strong/x").bearer(token).send().await;
    let (phone, _) = enrol(&sidecar, &alice).await;
    assert_eq!(refused(&strong(&alice.access_token).await), is(401, "step_up_required"));

    let token = ask(&sidecar, &alice.email).await;
    let signed_in = second(&sidecar, &token, "totp", &phone.code(1)).await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    let pair = signed_in.json();
    let access = pair["access_token"].as_str().unwrap();
    assert_eq!(claims(&sidecar, access).await["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(strong(access).await.status(), 200);

    let refreshed = sidecar.refresh(pair["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(strong(refreshed["access_token"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn each_step_is_in_the_audit_log_and_no_code_is() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let (phone, codes) = enrol(&sidecar, &alice).await;
    let token = ask(&sidecar, &alice.email).await;
    second(&sidecar, &token, "totp", "000000").await;
    let code = phone.code(1);
    second(&sidecar, &token, "totp", &code).await;
    let token = ask(&sidecar, &alice.email).await;
    second(&sidecar, &token, "recovery_code", &codes[0]).await;
    let log = "SELECT event, data::text FROM audit_logs WHERE user_id IS NOT NULL AND event <> 'user_registered'";
    let rows = sidecar.database().await.query(log, &[]).await.unwrap();
    let events: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected = [
        "login_succeeded",
        "mfa_enrolled",
        "mfa_confirmed",
        "recovery_codes_created",
        "mfa_failed",
        "mfa_succeeded",
        "login_succeeded",
        "recovery_code_used",
        "mfa_succeeded",
        "login_succeeded",
    ];
    let (mut sorted, mut wanted) = (events.clone(), expected.map(str::to_owned).to_vec());
    // Events of one request have one time, and their ids no order within it.
    sorted.sort();
    wanted.sort();
    assert_eq!(sorted, wanted, "{events:?}");
    for row in &rows {
        let data: String = row.get(1);
        for secret in [&code, &codes[0], &token] {
            assert!(!data.contains(secret.as_str()), "{data}");
        }
    }
}

#[tokio::test]
async fn without_redis_an_authenticator_app_still_signs_in_and_emailed_codes_are_unavailable() {
    let sidecar = TestSidecar::new().with_faults().start().await;
    let alice = sidecar.user("alice").await;
    let (phone, _) = enrol(&sidecar, &alice).await;
    sidecar.redis_network().cut();
    let token = ask(&sidecar, &alice.email).await;
    let emailed = second(&sidecar, &token, "email_code", "123456").await;
    assert_eq!(refused(&emailed), is(503, "unavailable"));
    assert_eq!(second(&sidecar, &token, "totp", &phone.code(1)).await.status(), 200);
}

#[tokio::test]
async fn a_session_is_raised_by_a_second_factor_without_signing_in_again() {
    let sidecar = with_strong_routes().start().await;
    let alice = sidecar.user("alice").await;
    let strong = async |token: &str| sidecar.get("/strong/x").bearer(token).send().await;
    let verify = async |body: Value| {
        let request = sidecar.post("/auth/mfa/verify").bearer(&alice.access_token);
        request.json(&body).send().await
    };
    assert_eq!(
        refused(&verify(json!({ "totp": "000000" })).await),
        is(409, "mfa_not_enabled")
    );
    let (_, codes) = enrol(&sidecar, &alice).await;
    assert_eq!(
        refused(&verify(json!({ "recovery_code": "0000-0000-0000-0000" })).await),
        is(403, "mfa_code_invalid")
    );
    assert_eq!(refused(&strong(&alice.access_token).await), is(401, "step_up_required"));

    let raised = verify(json!({ "recovery_code": codes[0] })).await;
    assert_eq!(raised.status(), 200, "{}", raised.text());
    let raised = raised.json();
    assert_eq!(strong(raised["access_token"].as_str().unwrap()).await.status(), 200);
    let (before, after) = (
        claims(&sidecar, &alice.access_token).await,
        claims(&sidecar, raised["access_token"].as_str().unwrap()).await,
    );
    assert_eq!(before["sid"], after["sid"], "the same session");
    let refreshed = sidecar.refresh(&alice.refresh_token).await.json();
    assert_eq!(strong(refreshed["access_token"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn an_mfa_token_opens_nothing_but_the_second_step() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let (phone, _) = enrol(&sidecar, &alice).await;
    let token = ask(&sidecar, &alice.email).await;
    for (method, target) in [
        ("GET", "/app"),
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("GET", "/auth/mfa"),
        ("GET", "/auth/whoami"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/mfa/email"),
    ] {
        let answer = sidecar.request(method, target).bearer(&token).send().await;
        assert_eq!(answer.status(), 401, "{method} {target}: {}", answer.text());
    }
    assert_eq!(refused(&sidecar.refresh(&token).await), is(401, "refresh_unknown"));
    let disguised = token.replace("sgm_", "sgr_");
    assert_eq!(refused(&sidecar.refresh(&disguised).await), is(401, "refresh_unknown"));
    let body = json!({ "scope": "all", "refresh_token": token });
    sidecar.post("/auth/logout").json(&body).send().await;
    let still = sidecar.get("/app").bearer(&alice.access_token).send().await;
    assert_eq!(still.status(), 200, "it ends no session");
    assert_eq!(sidecar.upstream().seen().len(), 1);

    let not_one = second(&sidecar, &alice.refresh_token, "totp", &phone.code(1)).await;
    assert_eq!(refused(&not_one), is(401, "mfa_token_invalid"));
    assert_eq!(second(&sidecar, &token, "totp", &phone.code(1)).await.status(), 200);
}

#[tokio::test]
async fn an_mfa_token_is_tried_five_times_and_the_right_code_comes_too_late_then() {
    let sidecar = TestSidecar::new()
        .config("auth: { lockout: { attempts: 1000 } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let (phone, _) = enrol(&sidecar, &alice).await;
    let token = ask(&sidecar, &alice.email).await;
    for _ in 0..5 {
        let wrong = second(&sidecar, &token, "recovery_code", "wrong").await;
        assert_eq!(refused(&wrong), is(401, "mfa_code_invalid"));
    }
    let late = second(&sidecar, &token, "totp", &phone.code(1)).await;
    assert_eq!(refused(&late), is(401, "mfa_token_invalid"));
    let token = ask(&sidecar, &alice.email).await;
    assert_eq!(second(&sidecar, &token, "totp", &phone.code(1)).await.status(), 200);
    for (result, count) in [("wrong", 5.0), ("invalid_token", 0.0), ("success", 0.0)] {
        let labels = [("type", "recovery_code"), ("result", result)];
        let counted = sidecar.metric("sidegate_mfa_challenges_total", &labels).await;
        assert!((counted - count).abs() < 0.1, "{result}: {counted}");
    }
    let asked = [("method", "password"), ("result", "mfa_required")];
    assert!((sidecar.metric("sidegate_login_attempts_total", &asked).await - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn guesses_with_many_mfa_tokens_meet_the_limit_of_the_account() {
    let sidecar = TestSidecar::new()
        .config("auth: { lockout: { attempts: 1000 }, limits: { mfa: { per_account: 3/15m } } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    enrol(&sidecar, &alice).await;
    for _ in 0..3 {
        let token = ask(&sidecar, &alice.email).await;
        let wrong = second(&sidecar, &token, "totp", "wrong").await;
        assert_eq!(refused(&wrong), is(401, "mfa_code_invalid"));
    }
    let token = ask(&sidecar, &alice.email).await;
    let limited = second(&sidecar, &token, "totp", "wrong").await;
    assert_eq!(refused(&limited), is(429, "rate_limited"));
    assert!(limited.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_concurrent_requests_with_one_code_on_two_instances_one_signs_in() {
    let lenient = "auth: { lockout: { attempts: 1000 } }";
    let first = TestSidecar::new().config(lenient).start().await;
    let second_instance = TestSidecar::beside(&first).config(lenient).start().await;
    let alice = first.user("alice").await;
    let (phone, codes) = enrol(&first, &alice).await;
    let next = phone.code(1);
    for (kind, code) in [("totp", &next), ("recovery_code", &codes[3])] {
        let mut tokens = Vec::new();
        for _ in 0..20 {
            tokens.push(ask(&first, &alice.email).await);
        }
        let tries = tokens
            .iter()
            .flat_map(|token| [&first, &second_instance].map(|instance| second(instance, token, kind, code)));
        let answers = join_all(tries).await;
        let won = answers.iter().filter(|answer| answer.status() == 200).count();
        assert_eq!(won, 1, "{kind}");
        let mut lost = answers
            .iter()
            .filter(|answer| answer.status() != 200)
            .map(refused)
            .collect::<Vec<_>>();
        // The token that has signed in was sent to both instances. It is used, if the other one came later.
        let used = is(401, "mfa_token_invalid");
        if let Some(other) = lost.iter().position(|answer| *answer == used) {
            lost.remove(other);
        }
        assert!(
            lost.iter().all(|answer| *answer == is(401, "mfa_code_invalid")),
            "{kind}: {lost:?}"
        );
    }
    let sessions = first.get("/auth/sessions").bearer(&alice.access_token).send().await;
    assert_eq!(
        sessions.json()["sessions"].as_array().unwrap().len(),
        3,
        "the first, one by each code"
    );
}

#[tokio::test]
async fn adding_an_authenticator_app_returns_secret_uri_and_qr_code_and_requires_the_password() {
    let sidecar = TestSidecar::new()
        .config("auth: { mfa: { issuer: Example } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let enrolment = async |password: &str| {
        let request = sidecar.post("/auth/mfa/totp").bearer(&alice.access_token);
        request.json(&json!({ "password": password })).send().await
    };
    assert_eq!(refused(&enrolment("wrong").await), is(403, "bad_credentials"));
    let begun = enrolment(PASSWORD).await;
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let begun = begun.json();
    let secret = begun["secret"].as_str().unwrap();
    assert_eq!(
        begun["otpauth_uri"].as_str().unwrap(),
        format!("otpauth://totp/Example:alice%40example.com?secret={secret}&issuer=Example")
    );
    assert!(begun["qr_svg"].as_str().unwrap().contains("<svg"));
    assert!(!sidecar.logs().contains(secret));
    let kept = "SELECT secret_sealed FROM totp_factors";
    let kept: Vec<u8> = sidecar.database().await.query_one(kept, &[]).await.unwrap().get(0);
    let plain = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    for readable in [plain.as_slice(), secret.as_bytes()] {
        assert!(
            kept.len() > readable.len() && !kept.windows(readable.len()).any(|part| part == readable),
            "it rests sealed"
        );
    }

    let status = sidecar.get("/auth/mfa").bearer(&alice.access_token).send().await;
    assert_eq!(status.json()["enabled"], false, "not before it is confirmed");
    let (_, codes) = enrol(&sidecar, &alice).await;
    let status = sidecar.get("/auth/mfa").bearer(&alice.access_token).send().await.json();
    assert_eq!(
        (&status["enabled"], &status["methods"], &status["recovery_codes_left"]),
        (&json!(true), &json!(["totp", "recovery_code"]), &json!(10))
    );
    assert_eq!(codes.len(), 10);
    assert_eq!(refused(&enrolment(PASSWORD).await), is(409, "mfa_already_enabled"));
}

#[tokio::test]
async fn exactly_one_factor_is_shown() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    let (_, codes) = enrol(&sidecar, &alice).await;
    let token = ask(&sidecar, &alice.email).await;
    let post = async |body: Value| sidecar.post("/auth/login/mfa").json(&body).send().await;
    let none = post(json!({ "mfa_token": token })).await;
    assert_eq!(
        (none.status(), &none.json()["errors"][0]["field"]),
        (422, &json!("totp"))
    );
    let two = post(json!({ "mfa_token": token, "totp": "123456", "recovery_code": codes[0] })).await;
    assert_eq!(
        (two.status(), &two.json()["errors"][0]["field"]),
        (422, &json!("recovery_code"))
    );
    assert_eq!(second(&sidecar, &token, "recovery_code", &codes[0]).await.status(), 200);
}

#[tokio::test]
async fn a_browser_keeps_its_device_token_in_a_cookie_that_no_script_and_no_application_sees() {
    let sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_account: 3, window: 1h } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let first = sidecar.try_login(&alice.email, PASSWORD).await;
    let cookie = first.header("set-cookie").unwrap();
    let token = first.json()["device_token"].as_str().unwrap().to_owned();
    assert_eq!(
        cookie,
        format!("sidegate_device={token}; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=34560000")
    );
    // An attacker uses up the limit of the account.
    sidecar.try_login(&alice.email, "wrong").await;
    let unknown_device = sidecar.try_login(&alice.email, PASSWORD).await;
    assert_eq!(refused(&unknown_device), is(429, "rate_limited"));

    let body = json!({ "email": alice.email, "password": PASSWORD });
    let browser = sidecar
        .post("/auth/login")
        .header("Cookie", &format!("theme=dark; sidegate_device={token}"))
        .json(&body);
    assert_eq!(browser.send().await.status(), 200);
    let app = json!({ "email": alice.email, "password": PASSWORD, "device_token": token });
    assert_eq!(sidecar.post("/auth/login").json(&app).send().await.status(), 200);
    let forged = json!({ "email": alice.email, "password": PASSWORD, "device_token": format!("{token}A") });
    let forged = sidecar.post("/auth/login").json(&forged).send().await;
    assert_eq!(refused(&forged), is(429, "rate_limited"));
}

#[tokio::test]
async fn a_stolen_device_token_does_not_guess_for_ever() {
    let sidecar = TestSidecar::new()
        .config("auth: { login_limit: { per_account: 4, window: 1h }, lockout: { attempts: 2 } }")
        .start()
        .await;
    let alice = sidecar.user("alice").await;
    let signed_in = sidecar.try_login(&alice.email, PASSWORD).await.json();
    let guess = json!({ "email": alice.email, "password": "wrong", "device_token": signed_in["device_token"] });
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(sidecar.post("/auth/login").json(&guess).send().await.status());
    }
    // Four attempts of the device, then those left of the account, then none.
    assert_eq!(answers, [401, 401, 401, 401, 401, 401, 429, 429]);
    let right = json!({ "email": alice.email, "password": PASSWORD, "device_token": signed_in["device_token"] });
    assert_eq!(sidecar.post("/auth/login").json(&right).send().await.status(), 429);
}

#[tokio::test]
async fn an_operator_sees_and_removes_somebodys_factors() {
    let sidecar = TestSidecar::new().start().await;
    let alice = sidecar.user("alice").await;
    enrol(&sidecar, &alice).await;
    let run = |arguments: &[&str]| {
        let output = sidecar.command(&[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let shown = run(&["user", "show", "alice"]);
    assert_eq!(shown["second_factors"], json!(["totp", "recovery_code"]));
    let reset = run(&["user", "reset-mfa", "alice"]);
    assert_eq!(reset["message"], "alice@example.com has no second factor left");
    assert_eq!(run(&["user", "show", "alice"])["second_factors"], json!([]));
    sidecar.login(&alice.email).await;
    let again = run(&["user", "reset-mfa", "alice"]);
    assert_eq!(again["message"], "alice@example.com had no second factor");
}
