//! Converts a [`File`] to [`Boot`] and [`Snapshot`]: checks that involve several sections, and the joined results.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_yaml::Value;

use super::boot::{Boot, Retention};
use super::file::cors::Star;
use super::file::identity_headers::IdentityHeaders;
use super::file::policies::settle::policy;
use super::file::routes::settle::{Named, Surroundings, table};
use super::file::{File, revocation};
use super::findings::Findings;
use super::interpolate::Environment;
use super::path::KeyPath;
use super::text::duration::Duration;
use super::text::name::Name;
use crate::accounts;
use crate::gate::rules::issuer::{ClaimNames, IssuerRules, KeySource, RequiredClaim};
use crate::gate::rules::reserved_headers::Family;
use crate::gate::rules::table::Table;
use crate::gate::rules::{Rules, wanted_claims};
use crate::keys;
use crate::proxy::snapshot::{AccessLog, RequestLimits, Snapshot};
use crate::proxy::upstream::settings::Upstream;

/// The accepted clock difference between instances: of `nbf` and `iat` only.
const OWN_LEEWAY: std::time::Duration = std::time::Duration::from_secs(30);

/// What is known in addition to the file itself.
pub(super) struct Input<'a> {
    pub(super) file: &'a File,
    /// The tree before malformed values were removed: it has every name that was written.
    pub(super) written: &'a Value,
    pub(super) environment: Environment<'a>,
    pub(super) sha256: [u8; 32],
}

/// Checks everything and builds what it can. `None` means that `findings` has at least one problem.
pub(super) fn settle(input: &Input<'_>, findings: &mut Findings) -> Option<(Boot, Snapshot)> {
    let file = input.file;
    let root = KeyPath::root();
    match file.version {
        None => findings.add(&root.key("version"), "is required: 1"),
        Some(1) => {}
        Some(other) => findings.expected(&root.key("version"), 1, other),
    }
    file.server.check(&root.key("server"), findings);
    file.observability.check(&root.key("observability"), findings);
    file.identity_headers.check(&root.key("identity_headers"), findings);
    // Heartbeats come twice a second: no view is much younger than one, and none is always younger than two.
    let max_lag = Duration::seconds(1)..=Duration::minutes(60);
    findings.range_of(
        &root.key("revocation").key("max_lag"),
        &file.revocation.max_lag,
        &max_lag,
    );

    if file.auth.is_some() && file.revocation.feed == revocation::Feed::None {
        findings.add(
            &root.key("revocation").key("feed"),
            "expected redis: an issuer publishes the revocations of its tokens there",
        );
    }

    let cors = file.server.cors.as_ref();
    let cors = cors.and_then(|cors| cors.settle(Star::Refused, &root.key("server").key("cors"), findings));

    let auth = file.auth.as_ref().and_then(|auth| {
        auth.settle(
            file.server.public_url.as_ref(),
            &root.key("auth"),
            input.environment,
            findings,
        )
    });
    let issuers = issuers(input, auth.as_ref(), findings);
    let (routes, upstreams) = routes(input, findings);
    let boot = boot(input, auth, findings);
    let rules = Rules {
        sha256: input.sha256,
        wanted_claims: wanted_claims::of(routes.iter().map(AsRef::as_ref)),
        routes,
        issuers,
        max_lag: file.revocation.max_lag.0,
        family: family(file),
        session_cookie: file
            .auth
            .as_ref()
            .and_then(|auth| auth.session_cookie.as_deref())
            .map(Into::into),
    };
    let snapshot = Snapshot {
        rules,
        upstreams,
        trusted_proxies: file.server.trusted_proxies.iter().map(|network| network.0).collect(),
        limits: RequestLimits {
            header_bytes: usize::try_from(file.server.limits.header_bytes.0).unwrap_or(usize::MAX),
            headers: file.server.limits.headers.into(),
            request_header: file.server.limits.request_header.0,
            idle: file.server.limits.idle.0,
            connections: file.server.limits.connections,
        },
        login_url: file
            .auth
            .as_ref()
            .and_then(|auth| auth.login_url.as_deref())
            .map(Into::into),
        cors,
        access_log: AccessLog {
            sample: file.observability.access_log.sample,
        },
    };
    Some((boot?, snapshot))
}

/// Every header name that any route sets, and those of other proxies: clients' headers of these names are removed on all
/// routes.
fn family(file: &File) -> Family {
    let in_routes = file.routes.iter().filter_map(|route| route.identity_headers.as_ref());
    let names: Vec<_> = in_routes
        .chain([&file.identity_headers])
        .flat_map(IdentityHeaders::names)
        .collect();
    Family::new(&names).stripping(file.identity_headers.stripped())
}

fn issuers(
    input: &Input<'_>,
    own: Option<&accounts::Settings>,
    findings: &mut Findings,
) -> HashMap<Box<str>, Arc<IssuerRules>> {
    let file = input.file;
    let at = KeyPath::root().key("issuers");
    let mut all = HashMap::new();
    if let Some(own) = own {
        all.insert(own.issuer.as_str().into(), Arc::new(own_rules(own)));
    }
    for (index, issuer) in file.issuers.iter().enumerate() {
        let at = at.index(index);
        if let Some(rules) = issuer.settle(&at, input.environment, findings)
            && all.insert(Box::from(&*rules.issuer), rules).is_some()
        {
            findings.add(
                &at.key("issuer"),
                "is listed twice: each issuer has one entry, and this instance's own has none",
            );
        }
    }
    let needs_tokens = file
        .routes
        .iter()
        .any(|route| route.access.as_ref().is_some_and(|name| name.as_str() != "public"));
    if file.auth.is_none() && file.issuers.is_empty() && needs_tokens {
        findings.add(
            &at,
            "is required without an `auth` section: routes require tokens, and no issuer's are accepted",
        );
    }
    all
}

/// The requirements for tokens of this issuer (RFC 9068).
fn own_rules(own: &accounts::Settings) -> IssuerRules {
    IssuerRules {
        issuer: own.issuer.as_str().into(),
        audience: own.audience.iter().map(|audience| audience.as_str().into()).collect(),
        algorithms: keys::Algorithm::ALL.to_vec(),
        leeway: OWN_LEEWAY,
        require: RequiredClaim::ALL.to_vec(),
        typ: Some("at+jwt".into()),
        claims: ClaimNames::default(),
        keys: KeySource::Own,
    }
}

type Upstreams = HashMap<Arc<str>, Arc<Upstream>>;

fn routes(input: &Input<'_>, findings: &mut Findings) -> (Table, Upstreams) {
    let file = input.file;
    let root = KeyPath::root();
    if file.upstreams.is_empty() {
        findings.add(&root.key("upstreams"), "expected at least one upstream");
    }
    let mut around = Surroundings {
        upstreams: named(input, "upstreams", &file.upstreams, |name, upstream, at| {
            upstream.settle(name, at, findings)
        }),
        policies: named(input, "policies", &file.policies, |name, rules, at| {
            policy(name, rules, at, findings)
        }),
        rate_limits: named(input, "rate_limits", &file.rate_limits, |name, limit, at| {
            limit.settle(name, at, findings)
        }),
        identity_headers: &file.identity_headers,
        on_stale: file.revocation.on_stale,
        body_bytes: file.server.limits.body_bytes.0,
        base_path: file.auth.as_ref().map(|auth| auth.base_path.as_str()),
        has_login_url: file.auth.as_ref().is_some_and(|auth| auth.login_url.is_some()),
    };
    let table = table(&file.routes, &mut around, &root.key("routes"), findings);
    warn_unused("upstreams", &around.upstreams, findings);
    warn_unused("policies", &around.policies, findings);
    warn_unused("rate_limits", &around.rate_limits, findings);
    let upstreams = around
        .upstreams
        .good
        .values()
        .map(|upstream| (Arc::clone(&upstream.name), Arc::clone(upstream)));
    (table, upstreams.collect())
}

fn named<W, T>(
    input: &Input<'_>,
    section: &str,
    written: &BTreeMap<Name, W>,
    mut settle: impl FnMut(&Name, &W, &KeyPath) -> Option<Arc<T>>,
) -> Named<T> {
    let at = KeyPath::root().key(section);
    let names = input
        .written
        .get(section)
        .and_then(Value::as_mapping)
        .into_iter()
        .flat_map(|map| map.keys());
    Named {
        written: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        good: written
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), settle(name, value, &at.key(name.as_str()))?)))
            .collect(),
        used: BTreeSet::new(),
    }
}

fn warn_unused<T>(section: &str, named: &Named<T>, findings: &mut Findings) {
    for name in named.good.keys().filter(|name| !named.used.contains(*name)) {
        let hint = match (section, name.as_str()) {
            ("rate_limits", "login") => "; logins are limited by auth.login_limit",
            _ => "",
        };
        findings.warn(
            &KeyPath::root().key(section).key(name.as_str()),
            format!("is used by no route{hint}"),
        );
    }
}

fn boot(input: &Input<'_>, auth: Option<accounts::Settings>, findings: &mut Findings) -> Option<Boot> {
    let file = input.file;
    let is_issuer = file.auth.is_some();
    let at = KeyPath::root().key("store");
    let postgres = file
        .store
        .postgres(is_issuer, &at.key("postgres"), input.environment, findings);
    let redis = file.store.redis(&at.key("redis"), input.environment, findings);
    if is_issuer && (auth.is_none() || postgres.is_none()) {
        return None;
    }
    let server = &file.server;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Some(Boot {
        listen: server.listen.0,
        admin: server.admin.0,
        public_url: server.public_url.as_ref().map(ToString::to_string),
        threads: server.threads.map_or_else(cores, usize::from),
        drain_delay: server.shutdown.drain_delay.0,
        grace_period: server.shutdown.grace_period.0,
        postgres,
        migrate_on_start: file
            .store
            .postgres
            .as_ref()
            .is_some_and(|postgres| postgres.migrate_on_start),
        redis: redis?,
        revocation_feed: file.revocation.feed.into(),
        auth,
        retention: file.auth.as_ref().map(|auth| Retention {
            tokens: auth.retention.tokens.0,
            audit: auth.retention.audit.0,
        }),
        log_format: file.observability.log.format.into(),
        log_level: file.observability.log.level.clone(),
    })
}
