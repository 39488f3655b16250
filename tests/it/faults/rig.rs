//! Two issuers and a verifier on one Redis, each with a network of its own to it.

use std::time::{Duration, Instant};

use crate::support::{AUDIENCE, FaultProxy, ISSUER as NAME, RedisServer, Sidecar, TestSidecar, User, wait_until};

/// As long as anything may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);
/// After the bound the token is presented for so long.
const BEYOND: Duration = Duration::from_millis(300);
/// Between two presentations.
const PAUSE: Duration = Duration::from_millis(5);

/// Which instance a network belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The issuer where people sign out.
    First,
    Verifier,
}

pub(super) struct Rig {
    // First: processes end before what they use.
    pub(super) first: Sidecar,
    pub(super) second: Sidecar,
    pub(super) verifier: Sidecar,
    networks: [FaultProxy; 3],
    pub(super) redis: RedisServer,
    /// Somebody whose session lives on.
    bystander: User,
}

/// When the token of somebody who signed out was last accepted, counted from the answer to the logout.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Accepted {
    pub(super) verifier: Duration,
    pub(super) issuer: Duration,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with_verifier(|verifier| verifier).await
    }

    /// With more said about the verifier.
    pub(super) async fn with_verifier(describe: impl FnOnce(TestSidecar) -> TestSidecar) -> Self {
        let redis = RedisServer::start().await;
        let networks = [(); 3].map(|()| FaultProxy::to_port(redis.port()));
        let configs = networks.each_ref().map(|network| {
            let port = network.port();
            format!("store: {{ redis: {{ url: \"redis://127.0.0.1:{port}/0\" }} }}")
        });
        Self::build(redis, networks, &configs, describe).await
    }

    /// On another Redis, which a fragment of configuration names; the networks lead nowhere.
    pub(super) async fn on(config: &str) -> Self {
        let redis = RedisServer::start().await;
        let networks = [(); 3].map(|()| FaultProxy::to_port(redis.port()));
        let configs = [(); 3].map(|()| config.to_owned());
        Self::build(redis, networks, &configs, |verifier| verifier).await
    }

    async fn build(
        redis: RedisServer,
        networks: [FaultProxy; 3],
        configs: &[String; 3],
        describe: impl FnOnce(TestSidecar) -> TestSidecar,
    ) -> Self {
        let first = described(TestSidecar::new()).config(&configs[0]).start().await;
        let second = described(TestSidecar::beside(&first)).config(&configs[1]).start().await;
        let verifier = describe(described(TestSidecar::beside(&first)))
            .config(&trusting(&first))
            .config(&configs[2])
            .start()
            .await;
        let bystander = first.user("alice").await;
        Self {
            first,
            second,
            verifier,
            networks,
            redis,
            bystander,
        }
    }

    pub(super) fn network(&self, place: Place) -> &FaultProxy {
        match place {
            Place::First => &self.networks[0],
            Place::Verifier => &self.networks[2],
        }
    }

    pub(super) fn networks(&self) -> impl Iterator<Item = &FaultProxy> {
        self.networks.iter()
    }

    /// Somebody signs in, and is accepted everywhere.
    pub(super) async fn sign_in(&self) -> User {
        let user = self.first.login(&self.bystander.email).await;
        self.wait_until_accepted(&user.access_token).await;
        user
    }

    /// All is well again.
    pub(super) async fn wait_until_well(&self) {
        self.wait_until_accepted(&self.bystander.access_token).await;
    }

    async fn wait_until_accepted(&self, token: &str) {
        wait_until("a live token is accepted everywhere", TIMEOUT, async || {
            self.on_all(token).await == [200; 4]
        })
        .await;
    }

    async fn on_all(&self, token: &str) -> [u16; 4] {
        [
            status(&self.second, "check", token).await,
            status(&self.second, "deny", token).await,
            status(&self.verifier, "check", token).await,
            status(&self.verifier, "deny", token).await,
        ]
    }

    /// Nobody accepts it any more, whatever else they say.
    pub(super) async fn assert_refused(&self, token: &str, when: &str) {
        let said = self.on_all(token).await;
        assert!(!said.contains(&200), "accepted {when}: {said:?}");
    }

    /// Presents the token until a while after the bound, or until everybody knows that it was revoked.
    pub(super) async fn watch(&self, token: &str, answered: Instant, bound: Duration) -> Accepted {
        let watch = async |sidecar: &Sidecar, route: &str| {
            let mut last = Duration::ZERO;
            let mut refused = 0;
            while answered.elapsed() < bound + BEYOND && refused < 20 {
                let asked = answered.elapsed();
                match status(sidecar, route, token).await {
                    200 => (last, refused) = (asked, 0),
                    401 => refused += 1,
                    _ => {}
                }
                tokio::time::sleep(PAUSE).await;
            }
            last
        };
        let (second_check, second_deny, check, deny) = tokio::join!(
            watch(&self.second, "check"),
            watch(&self.second, "deny"),
            watch(&self.verifier, "check"),
            watch(&self.verifier, "deny"),
        );
        Accepted {
            issuer: second_check.max(second_deny),
            verifier: check.max(deny),
        }
    }
}

/// Signs out at an instance; when it had answered.
pub(super) async fn sign_out(sidecar: &Sidecar, user: &User) -> Instant {
    let answer = sidecar.post("/auth/logout").bearer(&user.access_token).send().await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    Instant::now()
}

/// The status of a route; 0 when the instance does not answer.
async fn status(sidecar: &Sidecar, route: &str, token: &str) -> u16 {
    let request = sidecar.get(&format!("/{route}")).bearer(token);
    request.try_send().await.map_or(0, |answer| answer.status())
}

fn described(sidecar: TestSidecar) -> TestSidecar {
    ["check", "deny"].into_iter().fold(sidecar, |sidecar, on_stale| {
        sidecar.route_yaml(&format!(
            "{{ id: {on_stale}, match: {{ path: /{on_stale} }}, upstream: app, access: authenticated, \
             revocation: {{ on_stale: {on_stale} }} }}"
        ))
    })
}

/// What turns a sidecar into a verifier of this issuer.
fn trusting(issuer: &Sidecar) -> String {
    let url = issuer.url();
    format!(
        "auth: null\nstore: {{ postgres: null }}\n\
         issuers: [{{ issuer: \"{NAME}\", jwks_url: \"{url}/.well-known/jwks.json\", audience: [{AUDIENCE}] }}]\n"
    )
}
