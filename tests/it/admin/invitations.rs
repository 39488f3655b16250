//! Invitations over the API.

use serde_json::json;

use super::{call, get, id, operator, refusal, said};
use crate::support::{PASSWORD, TestSidecar};

const CAROL: &str = "carol@example.com";

#[tokio::test]
async fn an_administrator_invites_and_the_message_makes_the_account() {
    let sidecar = TestSidecar::new()
        .config("auth: { registration: { mode: invitation } }")
        .start()
        .await;
    let admin = {
        let created = sidecar.command(&["user", "invite", "admin@example.com"]);
        assert!(created.status.success());
        let token = sidecar.emailed_secret("admin@example.com", "invitation").await;
        let body = json!({ "email": "admin@example.com", "password": PASSWORD, "invitation": token });
        assert_eq!(sidecar.post("/auth/register").json(&body).send().await.status(), 202);
        let granted = ["user", "grant", "admin@example.com", "--permission", "sidegate:admin"];
        assert!(sidecar.command(&granted).status.success());
        sidecar.login("admin@example.com").await
    };
    let body = json!({ "email": "Carol@Example.com", "roles": ["staff"] });
    let made = call(&sidecar, &admin, "POST", "/invitations", Some(&body)).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["email"], &made["roles"], &made["invited_by"], made.get("token")),
        (&json!(CAROL), &json!(["staff"]), &json!(id(&admin)), None),
        "the token is in the message alone"
    );
    let listed = get(&sidecar, &admin, "/invitations").await;
    // PostgreSQL keeps microseconds, so that the times are not compared.
    let listed = listed["invitations"].as_array().unwrap();
    assert_eq!(listed.len(), 1);
    for field in ["id", "email", "roles", "invited_by"] {
        assert_eq!(listed[0][field], made[field], "{field}");
    }

    let token = sidecar.emailed_secret(CAROL, "invitation").await;
    let body = json!({ "email": CAROL, "password": PASSWORD, "invitation": token });
    assert_eq!(sidecar.post("/auth/register").json(&body).send().await.status(), 202);
    let carol = sidecar.login(CAROL).await;
    let me = sidecar.get("/auth/me").bearer(&carol.access_token).send().await.json();
    assert_eq!(me["roles"], json!(["staff"]));
    let path = format!("/invitations/{}", made["id"].as_str().unwrap());
    let late = call(&sidecar, &admin, "DELETE", &path, None).await;
    assert_eq!(said(&late), refusal(404, "invitation_not_found"), "it was used");
    let events = get(&sidecar, &admin, "/audit?event=user_invited").await;
    let event = &events["events"][0];
    assert_eq!(event["actor_id"], id(&admin));
    assert_eq!(
        event["data"],
        json!({ "invitation_id": made["id"], "roles": ["staff"] })
    );
    assert_eq!(event["client_ip"], "127.0.0.1");
}

#[tokio::test]
async fn a_withdrawn_invitation_does_not_work_and_invitations_are_listed_in_pages() {
    let sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:users:write", "sidegate:users:read"]).await;
    for name in ["carol", "dave", "erin"] {
        let body = json!({ "email": format!("{name}@example.com") });
        assert_eq!(
            call(&sidecar, &admin, "POST", "/invitations", Some(&body))
                .await
                .status(),
            201
        );
    }
    let first = get(&sidecar, &admin, "/invitations?limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(&sidecar, &admin, &format!("/invitations?limit=2&cursor={cursor}")).await;
    assert_eq!(first["invitations"].as_array().unwrap().len(), 2);
    assert_eq!(second["invitations"][0]["email"], "erin@example.com");
    assert!(second["next_cursor"].is_null());

    let path = format!("/invitations/{}", first["invitations"][0]["id"].as_str().unwrap());
    assert_eq!(call(&sidecar, &admin, "DELETE", &path, None).await.status(), 204);
    let token = sidecar.emailed_secret(CAROL, "invitation").await;
    let body = json!({ "email": CAROL, "password": PASSWORD, "invitation": token });
    let void = sidecar.post("/auth/register").json(&body).send().await;
    assert_eq!(said(&void), refusal(403, "invitation_invalid"));
    let again = call(&sidecar, &admin, "DELETE", &path, None).await;
    assert_eq!(said(&again), refusal(404, "invitation_not_found"));
    let row = "SELECT actor_id::text FROM audit_logs WHERE event = 'invitation_revoked'";
    let rows = sidecar.database().await.query(row, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), id(&admin));
}

#[tokio::test]
async fn an_invitation_needs_a_free_email_address_valid_roles_and_open_registration() {
    let mut sidecar = TestSidecar::new().start().await;
    let admin = operator(&sidecar, "admin", &["sidegate:users:write"]).await;
    let taken = json!({ "email": "admin@example.com" });
    let taken = call(&sidecar, &admin, "POST", "/invitations", Some(&taken)).await;
    assert_eq!(said(&taken), refusal(409, "email_taken"));
    for (body, field) in [
        (json!({ "email": CAROL, "roles": ["a,b"] }), "roles"),
        (json!({ "email": "carol", "roles": [] }), "email"),
    ] {
        let refused = call(&sidecar, &admin, "POST", "/invitations", Some(&body)).await;
        assert_eq!(said(&refused), refusal(422, "validation_failed"));
        assert_eq!(refused.json()["errors"][0]["field"], field);
    }
    assert!(sidecar.messages(CAROL).await.is_empty());
    sidecar.reconfigure("auth: { registration: { mode: closed } }");
    sidecar.restart().await;
    let closed = json!({ "email": CAROL });
    let closed = call(&sidecar, &admin, "POST", "/invitations", Some(&closed)).await;
    assert_eq!(said(&closed), refusal(403, "registration_closed"));
}

#[tokio::test]
async fn an_administrator_removes_the_factors_of_others_and_not_their_own() {
    let sidecar = TestSidecar::new().start().await;
    let writer = operator(&sidecar, "writer", &["sidegate:users:write"]).await;
    let admin = operator(&sidecar, "admin", &["sidegate:admin"]).await;
    let alice = sidecar.user("alice").await;
    let begun = sidecar.post("/auth/mfa/totp").bearer(&alice.access_token);
    let begun = begun.json(&json!({ "password": PASSWORD })).send().await.json();
    let phone = crate::support::Authenticator::typed(begun["secret"].as_str().unwrap());
    let confirm = sidecar.post("/auth/mfa/totp/confirm").bearer(&alice.access_token);
    let confirmed = confirm.json(&json!({ "code": phone.code(0) })).send().await;
    assert_eq!(confirmed.status(), 200, "{}", confirmed.text());
    let reset = |user: String| format!("/users/{user}/mfa/reset");

    let of_admin = call(&sidecar, &writer, "POST", &reset(id(&admin)), None).await;
    assert_eq!(said(&of_admin), refusal(403, "admin_required"));
    let own = call(&sidecar, &writer, "POST", &reset(id(&writer)), None).await;
    assert_eq!(said(&own), refusal(409, "own_account"));
    assert_eq!(sidecar.try_login("alice", PASSWORD).await.json()["mfa_required"], true);
    let done = call(&sidecar, &writer, "POST", &reset(id(&alice)), None).await;
    assert_eq!(done.status(), 204, "{}", done.text());

    assert!(sidecar.try_login("alice", PASSWORD).await.json()["access_token"].is_string());
    assert_eq!(sidecar.count_messages(&alice.email, "mfa_removed").await, 1);
    let removed = get(&sidecar, &admin, "/audit?event=mfa_removed").await;
    assert_eq!(removed["events"][0]["actor_id"], id(&writer));
    assert_eq!(removed["events"][0]["user_id"], id(&alice));
}
