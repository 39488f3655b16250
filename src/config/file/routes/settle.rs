//! Checks routes and builds the table that requests are matched with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::super::findings::{Findings, did_you_mean};
use super::super::super::path::KeyPath;
use super::super::super::text::name::Name;
use super::super::cors::Star;
use super::super::identity_headers::IdentityHeaders;
use super::super::policies::settle::BUILT_IN;
use super::super::revocation::OnStale;
use super::matches::{matches, strip_prefix};
use super::{Route, Unauthenticated};
use crate::accounts::settings::WELL_KNOWN;
use crate::gate::rules::assertion;
use crate::gate::rules::policy::{Condition, Effect, Policy, Rule};
use crate::gate::rules::rate_limit::RateLimit;
use crate::gate::rules::route::{self, Access};
use crate::gate::rules::spelling::Unusual;
use crate::gate::rules::table::Table;
use crate::proxy::upstream::settings::Upstream;

/// The most routes: a request finds its route in the same time among all of them, and a reload builds the table again.
const MOST_ROUTES: usize = 10_000;

/// Valid items by name, and all names that were written: a reference to an item that has a mistake is not a second mistake.
#[derive(Debug)]
pub(in super::super::super) struct Named<T> {
    pub(in super::super::super) good: BTreeMap<Name, Arc<T>>,
    pub(in super::super::super) written: BTreeSet<String>,
    pub(in super::super::super) used: BTreeSet<Name>,
}

impl<T> Named<T> {
    fn find(
        &mut self,
        name: &Name,
        kind: &str,
        extra: &[&str],
        at: &KeyPath,
        findings: &mut Findings,
    ) -> Option<Arc<T>> {
        self.used.insert(name.clone());
        if let Some(found) = self.good.get(name) {
            return Some(Arc::clone(found));
        }
        if !self.written.contains(name.as_str()) {
            let known = self.written.iter().map(String::as_str).chain(extra.iter().copied());
            let hint = did_you_mean(name.as_str(), known);
            findings.expected(
                at,
                format_args!("the name of {kind}"),
                format_args!("{:?}{hint}", name.as_str()),
            );
        }
        None
    }
}

/// What routes refer to, and their defaults.
pub(in super::super::super) struct Surroundings<'a> {
    pub(in super::super::super) upstreams: Named<Upstream>,
    pub(in super::super::super) policies: Named<Policy>,
    pub(in super::super::super) rate_limits: Named<RateLimit>,
    pub(in super::super::super) identity_headers: &'a IdentityHeaders,
    pub(in super::super::super) on_stale: OnStale,
    pub(in super::super::super) body_bytes: u64,
    /// `auth.base_path`; absent on a verifier.
    pub(in super::super::super) base_path: Option<&'a str>,
    pub(in super::super::super) has_login_url: bool,
}

/// Builds the table and records the mistakes of every route.
pub(in super::super::super) fn table(
    routes: &[Route],
    surroundings: &mut Surroundings<'_>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Table {
    if routes.len() > MOST_ROUTES {
        findings.expected(at, format_args!("at most {MOST_ROUTES} routes"), routes.len());
        return Table::default();
    }
    if routes.is_empty() {
        findings.add(at, "expected at least one route: without a route every request is 404");
    }
    let mut table = Table::default();
    table.reserve(assertion::JWKS_PATH);
    if let Some(base) = surroundings.base_path {
        [base].iter().chain(&WELL_KNOWN).for_each(|path| table.reserve(path));
    }
    let mut ids: BTreeMap<&Name, usize> = BTreeMap::new();
    for (index, written) in routes.iter().enumerate() {
        let at = at.index(index);
        if let Some(id) = &written.id
            && let Some(first) = ids.insert(id, index)
        {
            let first = findings.as_written(&KeyPath::root().key("routes").index(first));
            findings.add(&at.key("id"), format!("`{id}` is the id of {first} already"));
            continue;
        }
        if let Some(route) = route(written, surroundings, &at, findings)
            && let Err(conflict) = table.insert(Arc::new(route))
        {
            let message = format!("{conflict}: which of them decides would depend on their order");
            findings.add(&at.key("match"), message);
        }
    }
    table
}

fn route(
    written: &Route,
    around: &mut Surroundings<'_>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<route::Route> {
    let id = findings.required(&at.key("id"), written.id.as_ref());
    let matches = findings.required(&at.key("match"), written.matches.as_ref());
    let matches = matches.and_then(|matches| self::matches(matches, around.base_path, &at.key("match"), findings));
    let upstream = findings.required(&at.key("upstream"), written.upstream.as_ref());
    let upstream = upstream.and_then(|name| {
        around
            .upstreams
            .find(name, "an upstream", &[], &at.key("upstream"), findings)
    });
    let access = self::access(written.access.as_ref(), around, &at.key("access"), findings);
    let rate_limits = rate_limits(&written.rate_limits, around, &at.key("rate_limits"), findings);
    if let Some(headers) = &written.identity_headers {
        headers.check_in_route(&at.key("identity_headers"), findings);
    }
    if written.unauthenticated == Unauthenticated::Login && !around.has_login_url {
        findings.add(&at.key("unauthenticated"), "`login` needs auth.login_url");
    }
    if let (Some(prefix), Some(matches)) = (&written.strip_prefix, &matches) {
        strip_prefix(prefix, matches, &at.key("strip_prefix"), findings);
    }
    let cors = match &written.cors {
        Some(cors) => Some(cors.settle(Star::Accepted, &at.key("cors"), findings)?),
        None => None,
    };
    let none = IdentityHeaders::default();
    let identity = written
        .identity_headers
        .as_ref()
        .unwrap_or(&none)
        .plan(around.identity_headers);
    Some(route::Route {
        id: id?.as_str().into(),
        matches: matches?,
        upstream: Arc::clone(&upstream?.name),
        access: access?,
        rate_limits: rate_limits?,
        on_stale: written.revocation.on_stale.unwrap_or(around.on_stale).into(),
        identity: Arc::new(identity),
        strip_prefix: written.strip_prefix.as_deref().map(Into::into),
        tolerated: Unusual {
            encoded_slash: written.allow.encoded_slash,
            semicolon: written.allow.semicolon,
            double_slash: written.allow.double_slash,
        },
        forward_authorization: written.forward_authorization,
        unauthenticated: match written.unauthenticated {
            Unauthenticated::Deny => route::Unauthenticated::Refuse,
            Unauthenticated::Login => route::Unauthenticated::Login,
        },
        body_bytes: written.body_bytes.map_or(around.body_bytes, |size| size.0),
        cors,
    })
}

fn access(
    written: Option<&Name>,
    around: &mut Surroundings<'_>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<Access> {
    let Some(name) = written else {
        findings.add(
            at,
            "is required: public, optional, authenticated, or the name of a policy",
        );
        return None;
    };
    match name.as_str() {
        "public" => Some(Access::Public),
        "optional" => Some(Access::Optional),
        "authenticated" => Some(Access::Policy(Arc::new(Policy {
            name: "authenticated".into(),
            rules: vec![Rule {
                effect: Effect::Allow,
                condition: Condition::Authenticated,
            }],
        }))),
        _ => around
            .policies
            .find(name, "a policy", &BUILT_IN, at, findings)
            .map(Access::Policy),
    }
}

fn rate_limits(
    written: &[Name],
    around: &mut Surroundings<'_>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<Vec<Arc<RateLimit>>> {
    let mut limits = Vec::new();
    for (index, name) in written.iter().enumerate() {
        let at = at.index(index);
        if written[..index].contains(name) {
            findings.add(
                &at,
                format!("`{name}` is listed twice: each request would be counted twice"),
            );
        }
        limits.extend(around.rate_limits.find(name, "a rate limit", &[], &at, findings));
    }
    (limits.len() == written.len()).then_some(limits)
}
