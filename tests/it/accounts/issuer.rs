//! The issuer's keys: created once, rotated without visible effects.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use sidegate::keys::issuer::{Issuer, IssuerError, MIN_PUBLISHED};
use sidegate::keys::{Algorithm, Keys, Secrets, SigningKey, provider};
use sidegate::metrics::Metrics;
use sidegate::secret::Key32;
use sidegate::store::postgres::Postgres;
use sidegate::store::signing_keys::State;
use time::OffsetDateTime;

use super::fixture::{issuer, settings};
use crate::store::fixture::{Database, NOW};

pub(super) const ISSUER: &str = "https://gw.test";

pub(super) fn instance(database: &Database) -> (Issuer, Arc<Keys>) {
    provider::install();
    let keys = Arc::new(Keys::default());
    let postgres = Postgres::connect(&database.settings(), &Arc::new(Metrics::new())).unwrap();
    (issuer(&settings(), &postgres, &keys), keys)
}

pub(super) fn verifies(keys: &Keys, token: &str) -> bool {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let key = keys.current().find(ISSUER, Some(&kid));
    key.is_some_and(|key| key.verify(input.as_bytes(), signature))
}

pub(super) fn sign(keys: &Keys) -> String {
    keys.signer().unwrap().sign("at+jwt", &serde_json::json!({})).unwrap()
}

pub(super) fn later(seconds: u64) -> OffsetDateTime {
    NOW + Duration::from_secs(seconds)
}

/// Runs `work`, which never ends, until something is true.
pub(super) async fn until(work: impl Future<Output = ()>, is_true: impl Fn() -> bool) {
    let watch = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = tokio::time::timeout(Duration::from_secs(20), watch).map(|seen| seen.expect("it became true in time")) => {}
    }
}

#[tokio::test]
async fn instances_that_start_together_make_one_active_and_one_next_key() {
    let database = Database::migrated().await;
    let instances = (0..4).map(|_| instance(&database)).collect::<Vec<_>>();
    for loaded in futures::future::join_all(instances.iter().map(|(issuer, _)| issuer.load(NOW))).await {
        loaded.unwrap();
    }
    let states = instances[0]
        .0
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.state)
        .collect::<Vec<_>>();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&State::Active) && states.contains(&State::Next));
    let token = sign(&instances[0].1);
    assert!(instances.iter().all(|(_, keys)| verifies(keys, &token)));
}

#[tokio::test]
async fn a_rotation_has_no_visible_effect() {
    let database = Database::migrated().await;
    let ((one, ones), (two, twos)) = (instance(&database), instance(&database));
    one.load(NOW).await.unwrap();
    two.load(NOW).await.unwrap();
    let before = sign(&ones);

    one.rotate(false, later(1)).await.unwrap();

    let after = sign(&ones);
    assert_ne!(
        jsonwebtoken::decode_header(&before).unwrap().kid,
        jsonwebtoken::decode_header(&after).unwrap().kid
    );
    assert!(verifies(&ones, &before), "tokens in flight");
    assert!(
        verifies(&twos, &after),
        "an instance that has not looked again: it knew the next key"
    );
    two.load(later(2)).await.unwrap();
    assert!(verifies(&twos, &before));
    assert_eq!(twos.signer().unwrap().kid(), ones.signer().unwrap().kid());

    // After ten minutes, 5 % and the leeway all tokens of the old key have expired.
    two.load(later(800)).await.unwrap();
    assert!(!verifies(&twos, &before));
}

#[tokio::test]
async fn a_key_that_has_signed_for_long_enough_gives_way_by_itself_and_not_a_second_before() {
    fn a_second_early() -> OffsetDateTime {
        later(3599)
    }
    fn in_time() -> OffsetDateTime {
        later(3600)
    }
    let database = Database::migrated().await;
    let (_, keys) = instance(&database);
    let metrics = Arc::new(Metrics::new());
    let postgres = Postgres::connect(&database.settings(), &metrics).unwrap();
    let settings = sidegate::keys::issuer::Settings {
        issuer: ISSUER.into(),
        secrets: Secrets::new(&Key32::new([7; 32]), []).unwrap(),
        algorithm: Algorithm::Es256,
        rotate_every: Some(Duration::from_secs(3600)),
        longest_life: Duration::from_secs(630),
    };
    let issuer = Issuer::new(settings, postgres, Arc::clone(&keys), Arc::clone(&metrics));
    let looks = || metrics.job_runs.with_label_values(&["signing_keys", "success"]).get();
    issuer.load(NOW).await.unwrap();
    let (first, token) = (keys.signer().unwrap().kid().to_owned(), sign(&keys));

    keys.reload_wanted(ISSUER).notify_one();
    until(issuer.run(a_second_early), || looks() == 1).await;
    assert_eq!(keys.signer().unwrap().kid(), first);

    keys.reload_wanted(ISSUER).notify_one();
    until(issuer.run(in_time), || looks() == 2).await;
    assert_ne!(keys.signer().unwrap().kid(), first);
    assert!(verifies(&keys, &token), "tokens in flight");
}

#[tokio::test]
async fn a_next_key_published_too_recently_does_not_sign_unless_forced() {
    let database = Database::migrated().await;
    let (issuer, _) = instance(&database);
    issuer.load(NOW).await.unwrap();
    issuer.rotate(false, later(1)).await.unwrap();
    assert!(matches!(
        issuer.rotate(false, later(2)).await,
        Err(IssuerError::TooYoung(1))
    ));
    issuer.rotate(true, later(3)).await.unwrap();
    issuer.rotate(false, later(3) + MIN_PUBLISHED).await.unwrap();
}

#[tokio::test]
async fn a_key_that_leaked_is_refused_at_once() {
    let database = Database::migrated().await;
    let (issuer, keys) = instance(&database);
    issuer.load(NOW).await.unwrap();
    let forged = sign(&keys);
    issuer.retire(keys.signer().unwrap().kid(), later(1)).await.unwrap();
    assert!(!verifies(&keys, &forged));
    assert!(verifies(&keys, &sign(&keys)));
}

#[tokio::test]
async fn an_imported_key_is_published_first_and_signs_after_the_rotation() {
    let database = Database::migrated().await;
    let (issuer, keys) = instance(&database);
    issuer.load(NOW).await.unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(issuer.import(&key, later(1)).await.unwrap(), State::Next);
    assert!(matches!(
        issuer.import(&key, later(1)).await,
        Err(IssuerError::Exists(_))
    ));
    issuer.rotate(false, later(1) + MIN_PUBLISHED).await.unwrap();
    assert_eq!(keys.signer().unwrap().kid(), key.kid());
}

#[tokio::test]
async fn another_secret_does_not_open_the_keys_and_says_so() {
    let database = Database::migrated().await;
    instance(&database).0.load(NOW).await.unwrap();
    let (postgres, keys) = (
        Postgres::connect(&database.settings(), &Arc::new(Metrics::new())).unwrap(),
        Arc::default(),
    );
    let mut settings = settings();
    settings.secrets = Secrets::new(&Key32::new([8; 32]), []).unwrap();
    let error = issuer(&settings, &postgres, &keys).load(NOW).await.unwrap_err();
    assert!(error.to_string().contains("auth.previous_secrets"), "{error}");
    assert!(keys.signer().is_none());
}
