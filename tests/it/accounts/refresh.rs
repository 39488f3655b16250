//! Refresh: idempotent, tolerates one lost response, detects reuse.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sidegate::accounts::sessions::refresh_token;
use sidegate::accounts::settings::{AuditRefreshes, LostResponse};
use sidegate::accounts::{Origin, RefreshError};
use sidegate::keys::Secrets;
use sidegate::secret::{Key32, Secret};
use sidegate::store::revocations::Subject;

use super::fixture::Services;
use crate::store::fixture::NOW;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refreshes_with_one_token_are_one_rotation_and_two_hundred_equal_answers() {
    let services = Services::start().await;
    services.user("alice").await;
    let first = services.login("alice").await;

    let answers = futures::future::join_all((0..200).map(|_| services.refresh(&first.refresh_token, NOW))).await;
    let texts = answers
        .into_iter()
        .map(|answer| serde_json::to_string(&answer.unwrap()).unwrap());
    let different = texts.collect::<std::collections::HashSet<_>>();

    assert_eq!(different.len(), 1);
    let rows = "SELECT count(*) FROM refresh_tokens WHERE session_id::text = $1";
    assert_eq!(services.count(rows, &first.session_id.to_string()).await, 2);
    assert_eq!(services.live(&first).await, 1);
    assert_eq!(services.events("token_refreshed").await, 1);
}

#[tokio::test]
async fn a_used_token_whose_successor_was_used_ends_the_session_for_both() {
    let services = Services::start().await;
    services.user("alice").await;
    let first = services.login("alice").await;
    let second = services.refresh(&first.refresh_token, NOW).await.unwrap();
    let third = services.refresh(&second.refresh_token, NOW).await.unwrap();

    let replay = services.refresh(&first.refresh_token, NOW).await;

    assert!(matches!(replay, Err(RefreshError::Reused)), "{replay:?}");
    assert!(matches!(
        services.refresh(&third.refresh_token, NOW).await,
        Err(RefreshError::Revoked)
    ));
    assert_eq!(
        (services.live(&first).await, services.events("refresh_reused").await),
        (0, 1)
    );
    let published = services.published.lock().unwrap();
    assert_eq!(published[0].subject, Subject::Session(first.session_id.to_string()));
}

#[tokio::test]
async fn a_lost_response_is_made_good_once_and_what_was_lost_is_worth_nothing() {
    let services = Services::start().await;
    services.user("alice").await;
    let first = services.login("alice").await;
    let lost = services.refresh(&first.refresh_token, NOW).await.unwrap();

    let later = NOW + Duration::from_secs(300);
    let again = services.refresh(&first.refresh_token, later).await.unwrap();
    assert_ne!(again.refresh_token, lost.refresh_token);
    assert_eq!(
        services.refresh(&first.refresh_token, later).await.unwrap(),
        again,
        "within its own grace"
    );
    assert_eq!(
        (
            services.live(&first).await,
            services.events("refresh_response_lost").await
        ),
        (1, 1)
    );

    // The response was not lost: somebody else uses its token.
    assert!(matches!(
        services.refresh(&lost.refresh_token, later).await,
        Err(RefreshError::Reused)
    ));
    assert_eq!(services.live(&first).await, 0);
}

#[tokio::test]
async fn a_third_answer_is_never_given() {
    let services = Services::start().await;
    services.user("alice").await;
    let first = services.login("alice").await;
    services.refresh(&first.refresh_token, NOW).await.unwrap();
    services
        .refresh(&first.refresh_token, NOW + Duration::from_secs(60))
        .await
        .unwrap();
    let third = services
        .refresh(&first.refresh_token, NOW + Duration::from_secs(120))
        .await;
    assert!(matches!(third, Err(RefreshError::Reused)));
}

#[tokio::test]
async fn without_grace_a_second_use_is_reuse() {
    let services = Services::with(|settings| settings.refresh_token.reuse_grace = Duration::ZERO).await;
    services.user("alice").await;
    let first = services.login("alice").await;
    services.refresh(&first.refresh_token, NOW).await.unwrap();
    assert!(matches!(
        services.refresh(&first.refresh_token, NOW).await,
        Err(RefreshError::Reused)
    ));
}

#[tokio::test]
async fn a_lost_response_may_be_configured_to_end_the_session() {
    let services = Services::with(|settings| settings.refresh_token.lost_response = LostResponse::Revoke).await;
    services.user("alice").await;
    let first = services.login("alice").await;
    services.refresh(&first.refresh_token, NOW).await.unwrap();
    let late = services
        .refresh(&first.refresh_token, NOW + Duration::from_secs(31))
        .await;
    assert!(matches!(late, Err(RefreshError::Reused)));
}

#[tokio::test]
async fn a_session_ends_at_its_limit_however_often_it_is_refreshed() {
    let day = Duration::from_secs(86_400);
    let services = Services::with(|settings| {
        settings.refresh_token.ttl = day;
        settings.refresh_token.session_max = day * 2;
    })
    .await;
    services.user("alice").await;
    let mut pair = services.login("alice").await;
    for hours in [20, 40] {
        let now = NOW + Duration::from_secs(hours * 3600);
        pair = services.refresh(&pair.refresh_token, now).await.unwrap();
    }
    assert_eq!(pair.refresh_expires_in, 8 * 3600, "no longer than the session");
    let after = services.refresh(&pair.refresh_token, NOW + day * 2).await;
    assert!(matches!(after, Err(RefreshError::Expired)), "{after:?}");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_unknown() {
    let services = Services::start().await;
    let pair = {
        services.user("alice").await;
        services.login("alice").await
    };
    for wrong in [
        "",
        "sgr_",
        &pair.access_token,
        &pair.refresh_token.replace("sgr_", "sgr_A"),
    ] {
        assert!(
            matches!(services.refresh(wrong, NOW).await, Err(RefreshError::Unknown)),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn invented_tokens_cause_no_statement() {
    let services = Services::start().await;
    let user = services.user("alice").await;
    let pair = services.login("alice").await;
    let before = services.statements();
    // Of the right form, and of a session that exists; a million more of them are refused in a unit test.
    let foreign = Secrets::new(&Key32::new([8; 32]), []).unwrap();
    for generation in 1..=1_000 {
        let invented = refresh_token::make(&foreign, pair.session_id, generation);
        let refused = services.refresh(invented.text.expose(), NOW).await;
        assert!(matches!(refused, Err(RefreshError::Unknown)), "{refused:?}");
        let found = services.accounts.sessions.session_of_refresh(&invented.text).await;
        assert_eq!(found.unwrap(), None);
    }
    assert_eq!(services.statements(), before);
    let own = services
        .accounts
        .sessions
        .session_of_refresh(&Secret::new(&pair.refresh_token))
        .await;
    assert_eq!(own.unwrap().map(|session| session.user_id), Some(user.id));
    assert_eq!(services.statements(), before + 1, "the near miss: ours is looked up");
}

#[tokio::test]
async fn a_token_with_our_tag_that_was_never_given_out_is_unknown() {
    let services = Services::start().await;
    services.user("alice").await;
    let first = services.login("alice").await;
    let second = services.refresh(&first.refresh_token, NOW).await.unwrap();
    // An attacker with the key, but without the database, can make these.
    let secrets = Secrets::new(&Key32::new([7; 32]), []).unwrap();
    for generation in [1, 2, 3] {
        let forged = refresh_token::make(&secrets, first.session_id, generation);
        let refused = services.refresh(forged.text.expose(), NOW).await;
        assert!(
            matches!(refused, Err(RefreshError::Unknown)),
            "{generation}: {refused:?}"
        );
    }
    assert!(services.refresh(&second.refresh_token, NOW).await.is_ok());
}

#[tokio::test]
async fn a_login_takes_seven_statements_and_a_refresh_five_at_most() {
    for (audit, refresh) in [
        (AuditRefreshes::All, 5),
        (AuditRefreshes::Changes, 2),
        (AuditRefreshes::None, 2),
    ] {
        let services = Services::with(|settings| settings.audit_refreshes = audit).await;
        services.user("alice").await;
        let before = services.statements();
        let pair = services.login("alice").await;
        assert!(
            services.statements() - before <= 7,
            "{}",
            services.statements() - before
        );
        let before = services.statements();
        services.refresh(&pair.refresh_token, NOW).await.unwrap();
        assert_eq!(services.statements() - before, refresh, "{audit:?}");
    }
}

#[tokio::test]
async fn a_refresh_is_audited_as_configured_and_always_counted() {
    let from = |address: &str| Origin {
        address: Some(address.parse().unwrap()),
        ..Origin::default()
    };
    for (audit, entries) in [
        (AuditRefreshes::All, 3),
        (AuditRefreshes::Changes, 1),
        (AuditRefreshes::None, 0),
    ] {
        let services = Services::with(|settings| settings.audit_refreshes = audit).await;
        services.user("alice").await;
        let mut pair = services.login("alice").await;
        // From an unknown network to a known one, and to another address in it.
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            let presented = Secret::new(&pair.refresh_token);
            let refreshed = services
                .accounts
                .refresher
                .refresh(&presented, &from(address), NOW)
                .await;
            pair = refreshed.unwrap();
        }
        assert_eq!(services.events("token_refreshed").await, entries, "{audit:?}");
        let counted = "SELECT generation::int8 FROM sessions WHERE id::text = $1";
        assert_eq!(services.count(counted, &pair.session_id.to_string()).await, 4);
    }
}

/// One step of a session: some of the tokens so far are presented at once, some responses are lost.
#[derive(Debug, Clone)]
struct Moment {
    seconds_later: u64,
    /// The token (counted from the newest), and whether its response is lost.
    presented: Vec<(usize, bool)>,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    // Mostly the newest token, as clients do; sometimes an old one, as thieves do.
    let pick = prop_oneof![6 => Just(0_usize), 2 => Just(1), 1 => 2_usize..6];
    let presented = prop::collection::vec((pick, any::<bool>()), 1..=8);
    let moment =
        (prop_oneof![Just(0_u64), Just(5), Just(31), Just(90)], presented).prop_map(|(seconds_later, presented)| {
            Moment {
                seconds_later,
                presented,
            }
        });
    prop::collection::vec(moment, 1..6)
}

#[test]
fn however_refreshes_interleave_a_session_has_one_live_token_or_has_ended() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let services = runtime.block_on(async {
        let services = Services::start().await;
        services.user("alice").await;
        services
    });
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&moments(), |moments| runtime.block_on(live_through(&services, moments)));
    runtime.block_on(async move { drop(services) });
    outcome.unwrap();
}

async fn live_through(services: &Services, moments: Vec<Moment>) -> Result<(), TestCaseError> {
    let first = services.login("alice").await;
    let mut seen = vec![first.refresh_token.clone()];
    let mut now = NOW;
    let mut reused = false;
    for moment in moments {
        now += Duration::from_secs(moment.seconds_later);
        let tokens = moment
            .presented
            .iter()
            .map(|(back, _)| seen[seen.len().saturating_sub(back + 1)].clone());
        let asked = tokens.collect::<Vec<_>>();
        let answers = futures::future::join_all(asked.iter().map(|token| services.refresh(token, now))).await;
        for (answer, (_, lost)) in answers.into_iter().zip(&moment.presented) {
            match answer {
                Ok(pair) if !lost && !seen.contains(&pair.refresh_token) => seen.push(pair.refresh_token),
                Ok(_) => {}
                Err(RefreshError::Reused | RefreshError::Revoked) => reused = true,
                Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
            }
        }
    }
    let live = services.live(&first).await;
    prop_assert_eq!(
        live,
        i64::from(!reused),
        "live tokens, and whether the session ended: {}",
        reused
    );
    Ok(())
}
