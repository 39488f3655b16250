//! The token between the two steps of a sign-in opens one session.

use sidegate::accounts::{Attempt, Challenge, Factor, Login, MfaError, Origin, Proof, Scope, SessionOf};
use sidegate::secret::Secret;

use super::fixture::{PASSWORD, Services, of};
use crate::store::fixture::NOW;
use crate::support::Authenticator;

/// A user with an authenticator app: the session, and ten recovery codes.
async fn enrolled(services: &Services) -> (SessionOf, Vec<Secret>) {
    let user = services.user("alice").await;
    let by = of(&user, &services.login("alice").await);
    let (authenticators, origin) = (&services.accounts.mfa.authenticators, Origin::default());
    let proof = Proof {
        password: &Secret::new(PASSWORD),
        factor: None,
    };
    let begun = authenticators.enrol(by, proof, &origin, NOW).await.unwrap();
    let app = Authenticator::typed(begun.secret.expose());
    let code = Secret::new(app.at(NOW.unix_timestamp()));
    let codes = authenticators.confirm(by, &code, &origin, NOW).await.unwrap();
    (by, codes)
}

async fn challenge(services: &Services) -> Challenge {
    let attempt = Attempt {
        login: "alice",
        password: &Secret::new(PASSWORD),
        device_name: None,
        device_token: None,
    };
    let login = services.accounts.login.login(attempt, &Origin::default(), NOW).await;
    match login.unwrap() {
        Login::SecondFactor(challenge) => challenge,
        Login::SignedIn(_) => panic!("no second factor was required"),
    }
}

async fn complete(services: &Services, token: &Secret, code: &Secret) -> Result<(), MfaError> {
    let second_step = &services.accounts.mfa.second_step;
    let factor = Factor::RecoveryCode(code);
    second_step
        .complete(token, factor, &Origin::default(), NOW)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_with_five_codes_opens_one_session_and_uses_one_code() {
    let services = Services::start().await;
    let (by, codes) = enrolled(&services).await;
    let token = challenge(&services).await.mfa_token;
    let attempts = codes[..5].iter().map(|code| complete(&services, &token, code));
    let outcomes = futures::future::join_all(attempts).await;
    let opened = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(opened, 1, "{outcomes:?}");
    let refused = |outcome: &&Result<(), MfaError>| matches!(outcome, Err(MfaError::TokenInvalid));
    assert_eq!(outcomes.iter().filter(refused).count(), 4, "{outcomes:?}");
    let status = services.accounts.factors.status_of(by.user_id).await.unwrap();
    assert_eq!(status.recovery_codes_left, 9);
    let open = services.accounts.sessions.list(by.user_id, NOW).await.unwrap();
    assert_eq!(open.len(), 2, "the first one, and the one of the token");
}

#[tokio::test]
async fn a_token_stays_used_after_its_session_has_ended() {
    let services = Services::start().await;
    let (by, codes) = enrolled(&services).await;
    let token = challenge(&services).await.mfa_token;
    complete(&services, &token, &codes[0]).await.unwrap();
    services
        .accounts
        .sessions
        .logout(by, Scope::Others, &Origin::default(), NOW)
        .await
        .unwrap();
    let again = complete(&services, &token, &codes[1]).await;
    assert!(matches!(again, Err(MfaError::TokenInvalid)), "{again:?}");
    let fresh = challenge(&services).await.mfa_token;
    assert!(
        complete(&services, &fresh, &codes[1]).await.is_ok(),
        "the code was not used up"
    );
}

#[tokio::test]
async fn a_sign_out_everywhere_ends_a_sign_in_halfway_and_a_sign_out_of_one_session_does_not() {
    for (scope, ends) in [(Scope::All, true), (Scope::This, false)] {
        let services = Services::start().await;
        let (by, codes) = enrolled(&services).await;
        let token = challenge(&services).await.mfa_token;
        services
            .accounts
            .sessions
            .logout(by, scope, &Origin::default(), NOW)
            .await
            .unwrap();
        let outcome = complete(&services, &token, &codes[0]).await;
        assert_eq!(
            matches!(outcome, Err(MfaError::TokenInvalid)),
            ends,
            "{scope:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_replaced_hash_of_the_same_password_does_not_end_a_sign_in_halfway() {
    let services = Services::start().await;
    let (_, codes) = enrolled(&services).await;
    let token = challenge(&services).await.mfa_token;
    let rehash = "UPDATE users SET password_hash = $1";
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    services.database.raw.execute(rehash, &[&hash]).await.unwrap();
    assert!(complete(&services, &token, &codes[0]).await.is_ok());
}
