//! Accounts, their lockout, and the audit log.

use std::time::Duration;

use sidegate::store::audit::{self, Entry, Event, Filter, Outcome};
use sidegate::store::user_list::{self, Deleted, Page};
use sidegate::store::users::{self, LockedBy, Lockout, User};
use sidegate::store::{cleanup, id, sessions as store_sessions};
use uuid::Uuid;

use super::fixture::{Database, NOW, new_user};
use super::sessions;

const LOCKOUT: Lockout = Lockout {
    attempts: 5,
    window: Duration::from_secs(900),
    duration: Duration::from_secs(900),
    max: Duration::from_secs(3600),
};

#[tokio::test]
async fn an_account_is_found_by_its_names_which_have_one_spelling() {
    let database = Database::migrated().await;
    for (email, username, constraint) in [
        ("Ada@example.com", "ada", "user_email_is_lower_case"),
        ("ada@example.com", "Ada", "username_is_lower_case"),
    ] {
        let mut ada = new_user(email);
        ada.username = Some(username);
        let error = users::create(&database.postgres, &ada, NOW).await.unwrap_err();
        assert!(error.is_constraint(constraint), "{error}");
    }
    let mut ada = new_user("ada@example.com");
    ada.username = Some("ada");
    let roles = ["staff".to_owned()];
    ada.roles = &roles;
    let made = users::create(&database.postgres, &ada, NOW).await.unwrap();
    assert_eq!(made.roles, roles);
    assert_eq!(
        users::find_by_email(&database.postgres, "ada@example.com")
            .await
            .unwrap()
            .as_ref(),
        Some(&made)
    );
    assert_eq!(
        users::find_by_username(&database.postgres, "ada")
            .await
            .unwrap()
            .as_ref(),
        Some(&made)
    );
    assert_eq!(users::find_by_username(&database.postgres, "ad").await.unwrap(), None);
}

#[tokio::test]
async fn a_name_is_taken_until_its_account_is_deleted() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let error = users::create(&database.postgres, &new_user("ada@example.com"), NOW)
        .await
        .unwrap_err();
    assert!(error.is_constraint(users::EMAIL_IS_TAKEN), "{error}");
    assert!(
        !format!("{error} {error:?}").to_lowercase().contains("ada@example"),
        "an error quotes no row: {error:?}"
    );
    let deleted = users::soft_delete(&database.postgres, ada.id, NOW).await.unwrap();
    assert_eq!(deleted, Some(2), "its access tokens are outdated");
    assert_eq!(users::soft_delete(&database.postgres, ada.id, NOW).await.unwrap(), None);
    database.user("ada@example.com").await;
    let error = users::restore(&database.postgres, ada.id).await.unwrap_err();
    assert!(error.is_constraint(users::EMAIL_IS_TAKEN), "{error}");
}

#[tokio::test]
async fn a_username_cannot_be_somebodys_address() {
    let database = Database::migrated().await;
    let mut mallory = new_user("mallory@example.com");
    mallory.username = Some("ada@example.com");
    let error = users::create(&database.postgres, &mallory, NOW).await.unwrap_err();
    assert!(error.is_constraint("username_has_no_at_and_no_space"), "{error}");
}

#[tokio::test]
async fn the_fifth_of_fifty_parallel_failures_locks_and_none_is_lost() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let failures = (0..50).map(|_| async {
        // The pool is small and its wait short: a queue is not what this test is about.
        loop {
            match users::record_failed_login(&database.postgres, ada.id, &LOCKOUT, NOW).await {
                Err(error) if error.is_outage() => {}
                answer => break answer.unwrap(),
            }
        }
    });
    let counted: Vec<_> = futures::future::join_all(failures)
        .await
        .into_iter()
        .flatten()
        .collect();
    let mut counts: Vec<i32> = counted.iter().map(|failed| failed.failures).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3, 4, 5]);
    let ada = users::find(&database.postgres, ada.id).await.unwrap().unwrap();
    assert_eq!(ada.locked_until, Some(NOW + LOCKOUT.duration));
    assert!(ada.is_locked(NOW) && !ada.is_locked(NOW + LOCKOUT.duration));
}

#[tokio::test]
async fn each_lock_in_a_row_is_longer_up_to_a_limit_and_a_success_starts_anew() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut now = NOW;
    let mut seconds = Vec::new();
    for _ in 0..4 {
        let mut last = None;
        for _ in 0..5 {
            last = users::record_failed_login(&database.postgres, ada.id, &LOCKOUT, now)
                .await
                .unwrap();
        }
        let until = last.filter(|failed| failed.locked_now).unwrap().locked_until.unwrap();
        seconds.push((until - now).whole_seconds());
        now = until;
    }
    assert_eq!(seconds, [900, 1800, 3600, 3600]);
    let locked = users::find(&database.postgres, ada.id).await.unwrap().unwrap();
    assert_eq!(
        (locked.lockout_count, locked.locked_by),
        (4, Some(LockedBy::FailedLogins))
    );
    // NOW is within the lock: the owner signs in on a known device, while an attacker guesses.
    sessions::open(&database.postgres, ada.id, Uuid::new_v4(), 1).await;
    let still = users::find(&database.postgres, ada.id).await.unwrap().unwrap();
    assert_eq!(still.last_login_at, Some(NOW));
    assert_eq!(
        (still.lockout_count, still.locked_until, still.locked_by),
        (4, locked.locked_until, locked.locked_by)
    );
    let over = "UPDATE users SET locked_until = $1, failed_login_count = 3";
    database.raw.execute(over, &[&NOW]).await.unwrap();
    sessions::open(&database.postgres, ada.id, Uuid::new_v4(), 1).await;
    let ada = users::find(&database.postgres, ada.id).await.unwrap().unwrap();
    assert_eq!(
        (
            ada.failed_login_count,
            ada.lockout_count,
            ada.locked_until,
            ada.locked_by
        ),
        (0, 0, None, None)
    );
}

#[tokio::test]
async fn failures_far_apart_do_not_add_up() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    for hour in 0..10 {
        let now = NOW + Duration::from_secs(hour * 3600);
        let failed = users::record_failed_login(&database.postgres, ada.id, &LOCKOUT, now)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(failed.failures, 1);
    }
}

#[tokio::test]
async fn a_lock_by_an_operator_stays_until_an_operator_lifts_it() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    assert_eq!(users::lock(&database.postgres, ada.id, None).await.unwrap(), Some(2));
    users::set_password(&database.postgres, ada.id, "$2b$12$other", NOW)
        .await
        .unwrap();
    let locked = users::find(&database.postgres, ada.id).await.unwrap().unwrap();
    assert!(locked.is_locked(NOW + Duration::from_secs(100 * 365 * 86_400)));
    assert_eq!(locked.locked_by, Some(LockedBy::Operator));
    assert_eq!(locked.token_version, 3);
    assert!(users::unlock(&database.postgres, ada.id).await.unwrap());
    assert!(
        !users::find(&database.postgres, ada.id)
            .await
            .unwrap()
            .unwrap()
            .is_locked(NOW)
    );
}

#[tokio::test]
async fn a_rehash_does_not_undo_a_change_of_password() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    users::set_password(&database.postgres, ada.id, "new", NOW)
        .await
        .unwrap();
    assert!(
        !users::rehash_password(&database.postgres, ada.id, "$2b$12$hash", "rehashed")
            .await
            .unwrap()
    );
    assert!(
        users::rehash_password(&database.postgres, ada.id, "new", "rehashed")
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn pages_of_accounts_join_without_gap_or_repetition_with_any_filter() {
    let database = Database::migrated().await;
    let staff = ["staff".to_owned()];
    for number in 0..14 {
        let (email, username) = (format!("user{number}@example.com"), format!("name{number}"));
        let mut user = new_user(&email);
        user.username = Some(&username);
        user.roles = if number % 2 == 0 { &staff } else { &[] };
        let made = users::create(&database.postgres, &user, NOW).await.unwrap();
        if number % 3 == 0 {
            users::lock(&database.postgres, made.id, None).await.unwrap();
        }
        if number >= 10 {
            users::soft_delete(&database.postgres, made.id, NOW).await.unwrap();
        }
    }
    // Found by both of its names, and once.
    let mut both = new_user("name5@example.com");
    both.username = Some("name5x");
    users::create(&database.postgres, &both, NOW).await.unwrap();

    let everything = Page {
        after: None,
        starts_with: None,
        deleted: Deleted::Include,
        locked: None,
        role: None,
        limit: 500,
    };
    let all = user_list::list(&database.postgres, everything, NOW).await.unwrap();
    assert_eq!(all.len(), 15);
    for starts_with in [
        None,
        Some("USER"),
        Some("name"),
        Some("user1"),
        Some("name5"),
        Some("nobody"),
    ] {
        for deleted in [Deleted::Exclude, Deleted::Include, Deleted::Only] {
            for locked in [None, Some(true), Some(false)] {
                for role in [None, Some("staff"), Some("nothing")] {
                    let page = Page {
                        starts_with,
                        deleted,
                        locked,
                        role,
                        ..everything
                    };
                    let mut expected = all.iter().filter(|user| passes(user, page)).collect::<Vec<_>>();
                    if let Some(text) = starts_with {
                        let text = text.to_lowercase();
                        let name = |user: &User| {
                            [Some(&user.email), user.username.as_ref()]
                                .into_iter()
                                .flatten()
                                .find(|name| name.starts_with(&text))
                                .cloned()
                        };
                        expected.sort_by_key(|user| (name(user), user.id));
                    }
                    let expected = expected.iter().map(|user| &user.email).collect::<Vec<_>>();
                    let seen = pages(&database, Page { limit: 3, ..page }).await;
                    assert_eq!(seen.iter().collect::<Vec<_>>(), expected, "{page:?}");
                }
            }
        }
    }
}

/// The expected content of a page, computed in another way.
fn passes(user: &User, page: Page<'_>) -> bool {
    let names = [Some(&user.email), user.username.as_ref()];
    let begins = |text: &str| {
        names
            .into_iter()
            .flatten()
            .any(|name| name.starts_with(&text.to_lowercase()))
    };
    page.starts_with.is_none_or(begins)
        && page.locked.is_none_or(|locked| user.is_locked(NOW) == locked)
        && page.role.is_none_or(|role| user.roles.iter().any(|held| held == role))
        && match page.deleted {
            Deleted::Exclude => user.deleted_at.is_none(),
            Deleted::Include => true,
            Deleted::Only => user.deleted_at.is_some(),
        }
}

/// The email addresses on all pages.
async fn pages(database: &Database, mut page: Page<'_>) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let rows = user_list::list(&database.postgres, page, NOW).await.unwrap();
        let Some(last) = rows.last() else { return seen };
        page.after = Some(last.id);
        seen.extend(rows.into_iter().map(|user| user.email));
        assert!(seen.len() < 100, "pages repeat");
    }
}

#[tokio::test]
async fn roles_are_found_as_they_are_however_they_are_set() {
    let database = Database::migrated().await;
    let with_role = async |role| {
        let page = Page {
            after: None,
            starts_with: None,
            deleted: Deleted::Include,
            locked: None,
            role: Some(role),
            limit: 10,
        };
        let found = user_list::list(&database.postgres, page, NOW).await.unwrap();
        found.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    let ada = database.user("ada@example.com").await;
    let roles = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    users::set_roles(&database.postgres, ada.id, &roles(&["staff", "admin", "staff"]))
        .await
        .unwrap();
    assert_eq!(
        (with_role("staff").await, with_role("admin").await),
        (vec![ada.id], vec![ada.id])
    );
    let by_hand = r#"UPDATE users SET roles = '["admin", "other"]'"#;
    database.raw.execute(by_hand, &[]).await.unwrap();
    assert!(with_role("staff").await.is_empty());
    assert_eq!(
        (with_role("other").await, with_role("admin").await),
        (vec![ada.id], vec![ada.id])
    );
    database.raw.execute("DELETE FROM users", &[]).await.unwrap();
    let left = database
        .raw
        .query_one("SELECT count(*) FROM user_roles", &[])
        .await
        .unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn counts_are_exact_while_they_are_small_and_estimates_above() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    users::soft_delete(&database.postgres, ada.id, NOW).await.unwrap();
    let bob = database.user("bob@example.com").await;
    users::lock(&database.postgres, bob.id, None).await.unwrap();
    let count = user_list::count(&database.postgres, NOW).await.unwrap();
    assert_eq!((count.existing, count.locked, count.deleted), (1, 1, 1));
    let many = "
        INSERT INTO users (email) SELECT 'user' || n || '@example.com' FROM generate_series(1, 20000) AS n;
        INSERT INTO sessions (user_id, device_id, expires_at, auth_time, ended_at, end_reason)
        SELECT id, id, now() + interval '1 day', now(), ended_at, CASE WHEN ended_at IS NOT NULL THEN 'logout' END
        FROM users, (VALUES (NULL::timestamptz), (now())) AS end_of (ended_at);
        ANALYZE users;
        ANALYZE sessions;";
    database.raw.batch_execute(many).await.unwrap();
    let count = user_list::count(&database.postgres, NOW).await.unwrap();
    assert!((19_000..=21_000).contains(&count.existing), "{count:?}");
    assert_eq!((count.locked, count.deleted), (1, 1));
    let open = store_sessions::count(&database.postgres).await.unwrap();
    assert!((19_000..=21_000).contains(&open), "{open}");
}

fn entry(user_id: Uuid, event: Event, seconds: i64) -> Entry {
    let at = NOW + time::Duration::seconds(seconds);
    Entry {
        id: id::new(at),
        at,
        event,
        outcome: Outcome::Success,
        actor_id: Some(user_id),
        user_id: Some(user_id),
        session_id: None,
        address: Some("2001:db8::1".parse().unwrap()),
        user_agent: Some("curl".to_owned()),
        request_id: None,
        data: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_paged_and_ends_with_its_retention() {
    let database = Database::migrated().await;
    let (ada, bob) = (Uuid::new_v4(), Uuid::new_v4());
    for second in 0..5 {
        audit::insert(&database.postgres, &entry(ada, Event::LoginSucceeded, second))
            .await
            .unwrap();
        audit::insert(&database.postgres, &entry(bob, Event::LoginFailed, second))
            .await
            .unwrap();
    }
    let of_ada = Filter {
        user_id: Some(ada),
        ..Filter::default()
    };
    let first = audit::list(&database.postgres, &of_ada, 3).await.unwrap();
    assert_eq!(
        first[0],
        Entry {
            id: first[0].id,
            ..entry(ada, Event::LoginSucceeded, 4)
        }
    );
    let rest = Filter {
        before: first.last().map(|last| (last.at, last.id)),
        ..of_ada
    };
    assert_eq!(audit::list(&database.postgres, &rest, 10).await.unwrap().len(), 2);
    let none = Filter {
        event: Some(Event::LoginFailed),
        ..of_ada
    };
    assert_eq!(audit::list(&database.postgres, &none, 10).await.unwrap(), []);

    let before = cleanup::Before {
        audit: NOW + Duration::from_secs(3),
        ..cleanup::Before::at(NOW, Duration::ZERO, Duration::ZERO)
    };
    let removed = cleanup::run(&database.postgres, before).await.unwrap().unwrap();
    assert_eq!(removed.audit_logs, 6);
    assert_eq!(
        audit::list(&database.postgres, &Filter::default(), 10)
            .await
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn every_event_of_the_program_is_known_to_the_schema() {
    let database = Database::migrated().await;
    for event in Event::ALL {
        audit::insert(&database.postgres, &entry(Uuid::new_v4(), *event, 0))
            .await
            .unwrap();
    }
}
