//! `sidegate user import`: users keep their passwords.

use std::io::Write as _;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Sidecar, TestSidecar, json_lines};

const UNKNOWN_ID: &str = "0193a5d2-1111-7000-8000-000000000001";

fn file(lines: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        // A string is a line that is not JSON.
        match line {
            Value::String(text) => writeln!(file, "{text}").unwrap(),
            line => writeln!(file, "{line}").unwrap(),
        }
    }
    file
}

fn import(sidecar: &Sidecar, file: &tempfile::NamedTempFile, more: &[&str]) -> (Output, Value) {
    let path = file.path().to_str().unwrap();
    let arguments = [&["user", "import", path, "--output", "json"], more].concat();
    let output = sidecar.command(&arguments);
    let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, summary)
}

fn argon2id(password: &str) -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let params = Params::new(64, 3, 2, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), b"sixteen bytes ok");
    hash.unwrap().to_string()
}

#[tokio::test]
async fn imported_people_sign_in_with_their_passwords_and_their_hashes_are_replaced() {
    let sidecar = TestSidecar::new().start().await;
    let bcrypt = bcrypt::hash(PASSWORD, 5).unwrap().replacen("$2b$", "$2y$", 1);
    let people = file(&[
        json!({"email": "Ada@Example.com", "username": "ada", "password_hash": bcrypt, "roles": ["staff"],
               "permissions": ["billing:read"], "profile": {"name": "Ada"}, "email_verified": true,
               "created_at": "2019-02-03T04:05:06Z", "id": UNKNOWN_ID}),
        json!({"email": "bob@example.com", "password_hash": argon2id(PASSWORD)}),
        json!({"email": "carol@example.com"}),
    ]);
    let (output, summary) = import(&sidecar, &people, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        summary,
        json!({"lines": 3, "imported": 3, "skipped": 0, "refused": 0, "dry_run": false})
    );

    let ada = sidecar.login("ada@example.com").await;
    let me = sidecar.get("/auth/me").bearer(&ada.access_token).send().await.json();
    assert_eq!(
        (&me["id"], &me["email"], &me["username"]),
        (&json!(UNKNOWN_ID), &json!("ada@example.com"), &json!("ada"))
    );
    sidecar.login("bob@example.com").await;
    for email in ["ada@example.com", "bob@example.com", "carol@example.com"] {
        assert_eq!(
            sidecar.try_login(email, "quarrel-lantern-71-ospray").await.status(),
            401,
            "{email}"
        );
    }
    let database = sidecar.database().await;
    let sql = "SELECT count(*) FROM users WHERE password_hash LIKE '$2b$04$%'";
    assert_eq!(
        database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0),
        2,
        "rehashed"
    );
    let sql = "SELECT count(*) FROM audit_logs WHERE event = 'user_imported' AND user_id IN (SELECT id FROM users)";
    assert_eq!(database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);
    let sql = "SELECT created_at::text || roles::text || permissions::text || (email_verified_at IS NOT NULL)::text
               FROM users WHERE username = 'ada'";
    assert_eq!(
        database.query_one(sql, &[]).await.unwrap().get::<_, String>(0),
        r#"2019-02-03 04:05:06+00["staff"]["billing:read"]true"#
    );
}

#[tokio::test]
async fn an_import_names_what_it_refuses_and_running_it_again_imports_nothing_twice() {
    let sidecar = TestSidecar::new().start().await;
    sidecar.user("alice").await;
    let people = file(&[
        json!({"email": "ada@example.com", "username": "ada"}),
        json!("not json"),
        json!({"email": "a@b@example.com"}),
        json!({"email": "ALICE@example.com"}),
        json!(""),
        json!({"email": "eve@example.com", "username": "Alice"}),
        json!({"email": "Ada@example.com"}),
        json!({"email": "bob@example.com", "password_hash": "plain text"}),
        json!({"email": "dan@example.com", "id": UNKNOWN_ID}),
        json!({"email": "fay@example.com", "id": UNKNOWN_ID}),
    ]);
    let refused = "line 2: expected ident\n\
                   line 3: email: not a valid email address\n\
                   line 8: password_hash: this is no bcrypt ($2a$, $2b$, $2y$), argon2id or argon2i hash\n\
                   line 6: username: another account has this username\n\
                   line 10: id: another account has or had this id\n\
                   sidegate: 5 of 10 lines were refused\n";

    let (output, summary) = import(&sidecar, &people, &["--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = json!({"lines": 10, "imported": 2, "skipped": 2, "refused": 5, "dry_run": true});
    assert_eq!(summary, expected);
    assert_eq!(String::from_utf8_lossy(&output.stderr), refused);
    let listed = sidecar.command(&["user", "list", "--output", "json"]);
    assert_eq!(json_lines(&listed.stdout).len(), 1, "nothing was changed");

    let (output, summary) = import(&sidecar, &people, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&summary["imported"], &summary["skipped"]), (&json!(2), &json!(2)));
    assert_eq!(String::from_utf8_lossy(&output.stderr), refused);

    let (output, summary) = import(&sidecar, &people, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&summary["imported"], &summary["skipped"]), (&json!(0), &json!(4)));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("plain text"));
}

#[tokio::test]
async fn a_hundred_thousand_people_are_imported_in_about_a_minute() {
    let sidecar = TestSidecar::new().start().await;
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let lines = (0..100_000)
        .map(|n| json!({"email": format!("person{n}@example.com"), "username": format!("person{n}"), "password_hash": hash}))
        .collect::<Vec<_>>();
    let people = file(&lines);
    let begun = std::time::Instant::now();
    let (output, summary) = import(&sidecar, &people, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        (&summary["lines"], &summary["imported"]),
        (&json!(100_000), &json!(100_000))
    );
    println!("100,000 lines in {:?}", begun.elapsed());
    sidecar.login("person99999@example.com").await;
}
