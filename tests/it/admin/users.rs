//! Accounts: listed, created, changed, locked, deleted and restored.

use serde_json::{Value, json};

use super::{call, get, id, operator, refusal, said};
use crate::support::PASSWORD;
use crate::support::TestSidecar;

fn emails(page: &Value) -> Vec<&str> {
    let users = page["users"].as_array().unwrap();
    users.iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn accounts_are_paged_through_searched_and_filtered() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    for name in ["alice", "alfred", "bob", "carol"] {
        let new = json!({"email": format!("{name}@example.com"), "username": format!("u-{name}"), "password": PASSWORD,
                         "roles": if name == "bob" { json!(["staff"]) } else { json!([]) }});
        let answer = call(&sidecar, &admin, "POST", "/users", Some(&new)).await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        assert!(answer.json().get("password_hash").is_none());
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(&sidecar, &admin, &format!("/users?limit=2{cursor}")).await;
        assert!(emails(&page).len() <= 2);
        seen.extend(emails(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let all = ["admin", "alice", "alfred", "bob", "carol"].map(|name| format!("{name}@example.com"));
    assert_eq!(seen, all);

    let found = async |query: &str| {
        let page = get(&sidecar, &admin, &format!("/users?{query}")).await;
        emails(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("search=AL").await, ["alfred@example.com", "alice@example.com"]);
    assert_eq!(found("search=u-car").await, ["carol@example.com"]);
    assert_eq!(found("search=%25").await, [""; 0], "no pattern is read into a search");
    assert_eq!(found("role=staff").await, ["bob@example.com"]);

    let carol = get(&sidecar, &admin, "/users?search=carol").await["users"][0]["id"].clone();
    let bob = get(&sidecar, &admin, "/users?search=bob").await["users"][0]["id"].clone();
    let path = |id: &Value, rest: &str| format!("/users/{}{rest}", id.as_str().unwrap());
    call(&sidecar, &admin, "POST", &path(&carol, "/lock"), None).await;
    call(&sidecar, &admin, "DELETE", &path(&bob, ""), None).await;
    assert_eq!(found("locked=true").await, ["carol@example.com"]);
    assert_eq!(found("deleted=only").await, ["bob@example.com"]);
    assert_eq!(found("search=b").await, [""; 0]);
    assert_eq!(found("search=b&deleted=include").await, ["bob@example.com"]);
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused_by_its_name() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let cases = [
        ("/users?serach=a", "serach"),
        ("/users?limit=0", "limit"),
        ("/users?limit=201", "limit"),
        ("/users?cursor=abc", "cursor"),
        ("/users?locked=maybe", "locked"),
        ("/users?deleted=yes", "deleted"),
        ("/users?search=a&search=b", "search"),
        ("/users?search=", "search"),
        ("/users?role=a%00b", "role"),
        ("/audit?event=nothing", "event"),
        ("/audit?since=yesterday", "since"),
        ("/audit?client_ip=localhost", "client_ip"),
        ("/audit?user=alice", "user"),
        ("/audit?cursor=AAAA", "cursor"),
        ("/presence?limit=x", "limit"),
    ];
    for (path, field) in cases {
        let answer = call(&sidecar, &admin, "GET", path, None).await;
        // A NUL in a query is refused before, as no honest client sends one.
        if answer.status() == 400 {
            continue;
        }
        assert_eq!(
            said(&answer),
            refusal(422, "validation_failed"),
            "{path}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["errors"][0]["field"], field, "{path}");
    }
}

#[tokio::test]
async fn an_account_is_changed_at_once_or_not_at_all() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    sidecar.user("bob").await;
    let path = format!("/users/{}", id(&alice));
    let edit = json!({"email": "Alice@New.example", "email_verified": true, "username": null, "roles": ["b", "a", "a"],
                      "permissions": ["orders:read"], "profile": {"name": "Alice"}});
    let answer = call(&sidecar, &admin, "PATCH", &path, Some(&edit)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let changed = answer.json();
    assert_eq!(changed["email"], "alice@new.example");
    assert!(changed["email_verified_at"].is_string());
    assert_eq!(
        [
            &changed["username"],
            &changed["roles"],
            &changed["permissions"],
            &changed["profile"]
        ],
        [
            &Value::Null,
            &json!(["a", "b"]),
            &json!(["orders:read"]),
            &json!({"name": "Alice"})
        ]
    );

    let cases = [
        (
            json!({"roles": ["new"], "email": "bob@example.com"}),
            (409, "email_taken"),
        ),
        (json!({"roles": ["new"], "username": "bob"}), (409, "username_taken")),
        (json!({"roles": ["new"], "email": "none"}), (422, "validation_failed")),
        (
            json!({"roles": ["new"], "permissions": ["a,b"]}),
            (422, "validation_failed"),
        ),
        (
            json!({"roles": ["new"], "profile": {"sub": "x"}}),
            (422, "validation_failed"),
        ),
        (json!({"roles": ["new"], "is_admin": true}), (422, "validation_failed")),
    ];
    for (edit, (status, code)) in cases {
        let answer = call(&sidecar, &admin, "PATCH", &path, Some(&edit)).await;
        assert_eq!(said(&answer), refusal(status, code), "{edit}");
        assert_eq!(get(&sidecar, &admin, &path).await["roles"], json!(["a", "b"]), "{edit}");
    }
    for unknown in ["0190c1a2-0000-7000-8000-000000000000", "nobody", "%2e%2e"] {
        let answer = call(
            &sidecar,
            &admin,
            "PATCH",
            &format!("/users/{unknown}"),
            Some(&json!({})),
        )
        .await;
        assert!([400, 404].contains(&answer.status()), "{unknown}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_locked_account_signs_in_again_after_it_is_unlocked() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let path = format!("/users/{}", id(&alice));
    let past = json!({"until": "2020-01-01T00:00:00Z"});
    let answer = call(&sidecar, &admin, "POST", &format!("{path}/lock"), Some(&past)).await;
    assert_eq!(said(&answer), refusal(422, "validation_failed"));
    let until = json!({"until": "2999-01-01T00:00:00Z"});
    let answer = call(&sidecar, &admin, "POST", &format!("{path}/lock"), Some(&until)).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    assert_eq!(
        get(&sidecar, &admin, &path).await["locked_until"],
        "2999-01-01T00:00:00Z"
    );
    assert_eq!(sidecar.try_login(&alice.email, PASSWORD).await.status(), 401);
    assert_eq!(sidecar.refresh(&alice.refresh_token).await.status(), 401);

    let answer = call(&sidecar, &admin, "POST", &format!("{path}/unlock"), None).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    sidecar.login(&alice.email).await;
}

#[tokio::test]
async fn a_deleted_account_is_brought_back_unless_its_names_were_given_away() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let path = format!("/users/{}", id(&alice));
    let answer = call(&sidecar, &admin, "POST", &format!("{path}/restore"), None).await;
    assert_eq!(said(&answer), refusal(409, "not_deleted"));
    assert_eq!(call(&sidecar, &admin, "DELETE", &path, None).await.status(), 204);
    assert_eq!(
        said(&call(&sidecar, &admin, "DELETE", &path, None).await),
        refusal(404, "user_not_found")
    );
    assert!(get(&sidecar, &admin, &path).await["deleted_at"].is_string());
    assert_eq!(sidecar.try_login(&alice.email, PASSWORD).await.status(), 401);
    assert_eq!(
        call(&sidecar, &admin, "POST", &format!("{path}/restore"), None)
            .await
            .status(),
        200
    );
    sidecar.login(&alice.email).await;

    call(&sidecar, &admin, "DELETE", &path, None).await;
    sidecar.user("alice").await;
    let answer = call(&sidecar, &admin, "POST", &format!("{path}/restore"), None).await;
    assert_eq!(answer.status(), 409, "{}", answer.text());
}

#[tokio::test]
async fn a_wanted_password_reset_ends_every_session_and_a_new_password_is_the_end_of_it() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let path = format!("/users/{}", id(&alice));
    let answer = call(&sidecar, &admin, "POST", &format!("{path}/password-reset"), None).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    assert!(get(&sidecar, &admin, &path).await["password_reset_required_at"].is_string());
    assert_eq!(
        sidecar.get("/auth/me").bearer(&alice.access_token).send().await.code(),
        "revoked"
    );
    assert_eq!(sidecar.refresh(&alice.refresh_token).await.code(), "refresh_revoked");
}

#[tokio::test]
async fn sessions_of_an_account_are_listed_and_ended_one_by_one_or_all() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let first = sidecar.user("alice").await;
    let second = sidecar.login(&first.email).await;
    let path = format!("/users/{}/sessions", id(&first));
    let listed = get(&sidecar, &admin, &path).await;
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);

    let sid = crate::support::claims(&first.access_token)["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_another = format!("/users/{}/sessions/{sid}", id(&admin));
    let answer = call(&sidecar, &admin, "DELETE", &of_another, None).await;
    assert_eq!(
        said(&answer),
        refusal(404, "session_not_found"),
        "a session belongs to an account"
    );
    let one = format!("{path}/{sid}");
    assert_eq!(call(&sidecar, &admin, "DELETE", &one, None).await.status(), 204);
    assert_eq!(
        said(&call(&sidecar, &admin, "DELETE", &one, None).await),
        refusal(404, "session_not_found")
    );
    assert_eq!(
        sidecar.get("/x").bearer(&first.access_token).send().await.code(),
        "revoked"
    );
    assert_eq!(
        sidecar.get("/x").bearer(&second.access_token).send().await.status(),
        200
    );

    let answer = call(&sidecar, &admin, "DELETE", &path, None).await;
    assert_eq!((answer.status(), answer.json()), (200, json!({"ended": 1})));
    assert_eq!(
        sidecar.get("/x").bearer(&second.access_token).send().await.code(),
        "revoked"
    );
}

#[tokio::test]
async fn what_there_is_is_counted() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let (alice, bob) = (sidecar.user("alice").await, sidecar.user("bob").await);
    call(&sidecar, &admin, "POST", &format!("/users/{}/lock", id(&alice)), None).await;
    call(&sidecar, &admin, "DELETE", &format!("/users/{}", id(&bob)), None).await;
    let stats = get(&sidecar, &admin, "/stats").await;
    let counted = ["users", "locked_users", "deleted_users", "open_sessions", "logins_24h"]
        .map(|name| stats[name].as_i64().unwrap());
    assert_eq!(counted, [2, 1, 1, 2, 4], "{stats}");
}
