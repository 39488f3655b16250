//! Explains how the gate would decide on a request, from the configuration alone.
//!
//! The steps are those of [`admit`](super::admit), so that an explanation cannot differ from the decision. What needs a
//! signature or a store is left out: the claims count as verified, nothing is revoked, and no limit is exceeded.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    credentials,
    denial::Denial,
    identity::Identity,
    identity_headers,
    policy::{self, Outcome},
    request::Request,
    route,
    rules::{
        Rules,
        issuer::KeySource,
        route::{Match, Route},
        table::Table,
    },
    verify,
};

/// An explained decision.
#[derive(Debug)]
pub struct Explanation {
    /// The route, if one matches.
    pub route: Option<Arc<Route>>,
    /// The patterns of the route that match the request.
    pub matched: Option<Match>,
    /// The outcome of the policy, if it was evaluated.
    pub outcome: Option<Outcome>,
    /// The reason to refuse the request, if there is one.
    pub denial: Option<Denial>,
    /// Identity headers that the application would receive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The caller, if the route looks at tokens and the claims are valid.
    pub caller: Option<Identity>,
}

/// Explains the decision on a request of a caller with these claims, or of an anonymous one.
///
/// Claims that every token has can be left out: `iss` if there is one issuer or it is our own, `aud`, `sub`, `iat`,
/// `exp`.
pub fn explain(
    request: &Request<'_>,
    claims: Option<&Map<String, Value>>,
    rules: &Rules,
    now: OffsetDateTime,
) -> Explanation {
    let mut explanation = Explanation {
        route: None,
        matched: None,
        outcome: None,
        denial: None,
        headers: Vec::new(),
        caller: None,
    };
    explanation.denial = walk(request, claims, rules, now, &mut explanation).err();
    explanation
}

fn walk(
    request: &Request<'_>,
    claims: Option<&Map<String, Value>>,
    rules: &Rules,
    now: OffsetDateTime,
    found: &mut Explanation,
) -> Result<(), Denial> {
    let routed = route::find(request, rules)?;
    let route = Arc::clone(&routed.route);
    found.matched = Some(matched(&route, request));
    found.route = Some(Arc::clone(&route));

    // The credentials step decides whether the route looks at a token.
    let mut headers = HeaderMap::new();
    if claims.is_some() {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer example"));
    }
    let with_token = Request {
        headers: &headers,
        target: request.target.clone(),
        ..*request
    };
    let unverified = credentials::find(routed, &with_token, rules)?;
    let caller = match claims.filter(|_| unverified.token.is_some()) {
        Some(claims) => Some(verify::without_signature(completed(claims, rules, now), rules, now)?),
        None => None,
    };
    found.outcome = policy::judge(&route, caller.as_ref(), request, now);
    if let Some(denial) = found.outcome.and_then(Outcome::denial) {
        return Err(denial);
    }
    if let Some(caller) = &caller {
        identity_headers::render(&route.identity, caller).write(&route.identity, &mut |name, value| {
            found.headers.push((name.clone(), value.clone()));
        });
    }
    found.caller = caller;
    Ok(())
}

/// The patterns of `route` that match, found with the same table as routes.
fn matched(route: &Route, request: &Request<'_>) -> Match {
    let alone = |matches: Match| {
        let mut table = Table::default();
        let route = Arc::new(Route {
            matches,
            ..route.clone()
        });
        table.insert(route).is_ok()
            && table
                .find(request.host, request.target.path(), request.method)
                .is_some()
    };
    let all = &route.matches;
    let hosts = all.hosts.iter().filter(|host| {
        alone(Match {
            hosts: vec![(*host).clone()],
            ..Match::default()
        })
    });
    let paths = all.paths.iter().filter(|path| {
        alone(Match {
            paths: vec![(*path).clone()],
            ..Match::default()
        })
    });
    let methods = all.methods.iter().filter(|method| *method == request.method);
    Match {
        hosts: hosts.cloned().collect(),
        paths: paths.cloned().collect(),
        methods: methods.cloned().collect(),
    }
}

/// The claims, completed with those that every token has.
fn completed(claims: &Map<String, Value>, rules: &Rules, now: OffsetDateTime) -> Value {
    let mut claims = claims.clone();
    let own = rules.issuers.values().find(|issuer| issuer.keys == KeySource::Own);
    let only = rules.issuers.values().next().filter(|_| rules.issuers.len() == 1);
    if let Some(issuer) = own.or(only) {
        claims
            .entry("iss")
            .or_insert_with(|| Value::from(issuer.issuer.as_ref()));
    }
    let issuer = claims.get("iss").and_then(Value::as_str);
    if let Some(issuer) = issuer.and_then(|issuer| rules.issuers.get(issuer)) {
        let audience = issuer.audience.first().map(|audience| Value::from(audience.as_ref()));
        claims.entry("aud").or_insert_with(|| audience.unwrap_or_default());
        if issuer.keys == KeySource::Own {
            claims.entry("sid").or_insert_with(|| "example".into());
        }
    }
    let now = now.unix_timestamp();
    for (name, value) in [
        ("sub", Value::from("example")),
        ("jti", "example".into()),
        ("iat", now.into()),
        ("exp", (now + 600).into()),
    ] {
        claims.entry(name).or_insert(value);
    }
    Value::Object(claims)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::gate::{
        denial::TokenFault,
        rules::{
            issuer::{ClaimNames, IssuerRules, RequiredClaim},
            policy::{Condition, Effect, Policy, Rule},
            route::Access,
        },
        testing,
    };

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00 UTC);

    fn rules() -> Rules {
        let rule = |effect, condition| Rule { effect, condition };
        let policy = Policy {
            name: "staff".into(),
            rules: vec![
                rule(Effect::Deny, Condition::Role("guest".into())),
                rule(Effect::Allow, Condition::Role("staff".into())),
                rule(
                    Effect::Allow,
                    Condition::All(vec![Condition::Role("boss".into()), Condition::Mfa { max_age: None }]),
                ),
            ],
        };
        let mut guarded = testing::route("guarded", "app.test", "/api/**", &[Method::GET]);
        guarded.matches.paths.push("/other".into());
        guarded.matches.methods.push(Method::PUT);
        guarded.access = Access::Policy(Arc::new(policy));
        let mut rules = testing::rules(vec![guarded, testing::route("open", "", "/open", &[])]);
        let issuer = IssuerRules {
            issuer: "https://gw.test".into(),
            audience: vec!["app".into()],
            algorithms: vec![],
            leeway: std::time::Duration::ZERO,
            require: RequiredClaim::ALL.to_vec(),
            typ: None,
            claims: ClaimNames::default(),
            keys: KeySource::Own,
        };
        rules.issuers.insert("https://gw.test".into(), Arc::new(issuer));
        rules
    }

    fn explained(target: &str, claims: &Value) -> Explanation {
        let headers = HeaderMap::new();
        let request = testing::request(&Method::GET, target, &headers);
        explain(&request, claims.as_object(), &rules(), NOW)
    }

    #[test]
    fn the_route_and_those_of_its_patterns_that_match_are_named() {
        let explanation = explained("/api/x", &json!({ "roles": ["staff"] }));
        assert_eq!(&*explanation.route.unwrap().id, "guarded");
        let matched = explanation.matched.unwrap();
        assert_eq!(matched.hosts, [Box::from("app.test")]);
        assert_eq!(matched.paths, [Box::from("/api/**")]);
        assert_eq!(matched.methods, [Method::GET]);
        assert_eq!(explained("/nowhere", &Value::Null).denial, Some(Denial::RouteNotFound));
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        for (roles, outcome, denial) in [
            (json!(["staff"]), Outcome::Allowed(1), None),
            (
                json!(["staff", "guest"]),
                Outcome::Denied(Some(0)),
                Some(Denial::PolicyDenied),
            ),
            (json!([]), Outcome::Denied(None), Some(Denial::PolicyDenied)),
            (
                json!(["boss"]),
                Outcome::StepUp { max_age: None },
                Some(Denial::StepUpRequired { max_age: None }),
            ),
        ] {
            let explanation = explained("/api/x", &json!({ "roles": roles }));
            assert_eq!(
                (explanation.outcome, explanation.denial),
                (Some(outcome), denial),
                "{roles}"
            );
        }
    }

    #[test]
    fn an_anonymous_caller_needs_a_token_only_where_one_is_required() {
        assert_eq!(
            explained("/api/x", &Value::Null).denial,
            Some(Denial::CredentialsMissing)
        );
        let open = explained("/open", &json!({ "sub": "alice" }));
        assert_eq!(open.denial, None);
        assert!(open.headers.is_empty(), "a public route looks at no token");
    }

    #[test]
    fn the_headers_are_those_that_the_application_would_receive() {
        let claims = json!({ "sub": "alice", "sid": "s1", "roles": ["staff", "dev"], "email": "a@b.c" });
        let headers = explained("/other", &claims).headers;
        let shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                "x-forwarded-user: alice",
                "x-forwarded-groups: staff,dev",
                "x-auth-session: s1"
            ],
            "the address is not verified and so not sent"
        );
    }

    #[test]
    fn claims_that_no_token_could_have_are_refused_as_a_token_would_be() {
        for (claims, fault) in [
            (json!({ "iss": "https://evil.test" }), TokenFault::WrongIssuer),
            (json!({ "aud": "other" }), TokenFault::WrongAudience),
            (json!({ "exp": 1 }), TokenFault::Expired),
            (json!({ "roles": 1 }), TokenFault::BadClaims),
        ] {
            assert_eq!(explained("/api/x", &claims).denial, Some(fault.into()), "{claims}");
        }
    }
}
