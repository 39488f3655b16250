//! Which key signs next: published for long enough, and of the configured algorithm.

use std::sync::Arc;
use std::time::Duration;

use sidegate::keys::issuer::{Issuer, IssuerError, Settings};
use sidegate::keys::{Algorithm, Keys, Secrets, SigningKey, provider};
use sidegate::metrics::Metrics;
use sidegate::secret::Key32;
use sidegate::store::postgres::Postgres;
use sidegate::store::signing_keys::State;
use time::OffsetDateTime;

use super::issuer::{ISSUER, later, sign, until, verifies};
use crate::store::fixture::{Database, NOW};

const RSA_2048: &str = include_str!("../../../src/keys/testdata/rsa_2048.pem");
const RSA_3072: &str = include_str!("../../../src/keys/testdata/rsa_3072.pem");

/// An instance that rotates each hour.
struct Instance {
    issuer: Issuer,
    keys: Arc<Keys>,
    metrics: Arc<Metrics>,
}

impl Instance {
    fn new(database: &Database, algorithm: Algorithm) -> Self {
        provider::install();
        let (keys, metrics) = (Arc::new(Keys::default()), Arc::new(Metrics::new()));
        let settings = Settings {
            issuer: ISSUER.into(),
            secrets: Secrets::new(&Key32::new([7; 32]), []).unwrap(),
            algorithm,
            rotate_every: Some(Duration::from_secs(3600)),
            longest_life: Duration::from_secs(630),
        };
        let postgres = Postgres::connect(&database.settings(), &metrics).unwrap();
        Self {
            issuer: Issuer::new(settings, postgres, Arc::clone(&keys), Arc::clone(&metrics)),
            keys,
            metrics,
        }
    }

    /// Reads the table once, as it does every few seconds, at a time by `clock`.
    async fn look(&self, clock: fn() -> OffsetDateTime) {
        let looks = || {
            self.metrics
                .job_runs
                .with_label_values(&["signing_keys", "success"])
                .get()
        };
        let before = looks();
        self.keys.reload_wanted(ISSUER).notify_one();
        until(self.issuer.run(clock), || looks() > before).await;
    }

    fn signs_with(&self) -> String {
        self.keys.signer().unwrap().kid().to_owned()
    }

    fn publishes(&self, key: &SigningKey) -> bool {
        self.keys.jwks().unwrap().contains(key.kid())
    }

    async fn states(&self) -> Vec<(State, String)> {
        let rows = self.issuer.list().await.unwrap();
        rows.into_iter().map(|row| (row.state, row.algorithm)).collect()
    }
}

#[tokio::test]
async fn a_next_key_that_is_new_when_a_rotation_is_due_is_published_before_it_signs() {
    let database = Database::migrated().await;
    let instance = Instance::new(&database, Algorithm::Es256);
    instance.issuer.load(NOW).await.unwrap();
    let first = instance.signs_with();
    let new = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(instance.issuer.import(&new, later(3590)).await.unwrap(), State::Next);

    instance.look(|| later(3600)).await;
    assert!(instance.publishes(&new), "at once");
    assert_eq!(instance.signs_with(), first);
    instance.look(|| later(3590 + 119)).await;
    assert_eq!(instance.signs_with(), first, "a second early");
    instance.look(|| later(3590 + 120)).await;
    assert_eq!(instance.signs_with(), new.kid());
}

#[tokio::test]
async fn an_imported_rsa_key_stays_and_signs_where_it_is_configured() {
    let database = Database::migrated().await;
    let instance = Instance::new(&database, Algorithm::Rs256);
    let none = instance.issuer.load(NOW).await.unwrap_err().to_string();
    assert!(none.contains("sidegate keys import"), "{none}");

    let key = SigningKey::from_pem(Algorithm::Rs256, RSA_3072).unwrap();
    assert_eq!(instance.issuer.import(&key, NOW).await.unwrap(), State::Active);
    instance.issuer.load(NOW).await.unwrap();
    let clocks: [fn() -> OffsetDateTime; 3] = [|| later(1), || later(4000), || later(9000)];
    for clock in clocks {
        instance.look(clock).await;
        assert_eq!(instance.signs_with(), key.kid());
        assert!(verifies(&instance.keys, &sign(&instance.keys)));
        assert_eq!(instance.states().await, [(State::Active, "RS256".to_owned())]);
    }
}

#[tokio::test]
async fn with_rsa_configured_no_key_of_the_former_algorithm_signs_next() {
    let database = Database::migrated().await;
    let before = Instance::new(&database, Algorithm::Es256);
    before.issuer.load(NOW).await.unwrap();
    let old = sign(&before.keys);

    let instance = Instance::new(&database, Algorithm::Rs256);
    instance.issuer.load(later(1)).await.unwrap();
    assert_eq!(instance.signs_with(), before.signs_with(), "until a key is imported");
    assert!(matches!(
        instance.issuer.rotate(true, later(2)).await,
        Err(IssuerError::NoNext)
    ));
    let key = SigningKey::from_pem(Algorithm::Rs256, RSA_3072).unwrap();
    assert_eq!(instance.issuer.import(&key, later(3)).await.unwrap(), State::Next);
    instance.look(|| later(10)).await;
    assert!(instance.publishes(&key));
    instance.look(|| later(3600)).await;
    assert_eq!(instance.signs_with(), key.kid());
    assert!(verifies(&instance.keys, &old), "tokens in flight");
}

#[tokio::test]
async fn a_key_that_would_be_replaced_or_is_too_short_is_not_imported() {
    let database = Database::migrated().await;
    let (es256, rs256) = (
        Instance::new(&database, Algorithm::Es256),
        Instance::new(&database, Algorithm::Rs256),
    );
    let rsa = |pem| SigningKey::from_pem(Algorithm::Rs256, pem).unwrap();
    let other = es256.issuer.import(&rsa(RSA_3072), NOW).await.unwrap_err();
    assert!(
        other.to_string().starts_with(
            "the key is for RS256, and `auth.signing.algorithm` is ES256: set it to RS256, restart every instance"
        ),
        "{other}"
    );
    let ed = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert!(matches!(
        es256.issuer.import(&ed, NOW).await,
        Err(IssuerError::OtherAlgorithm { .. })
    ));
    assert!(matches!(
        rs256.issuer.import(&rsa(RSA_2048), NOW).await,
        Err(IssuerError::ShortRsa(2048))
    ));
    assert_eq!(es256.states().await, [], "nothing was stored");
}
