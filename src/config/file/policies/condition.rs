//! Checks a condition and converts it to the form that is evaluated.

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::one_or_many::OneOrMany;
use super::super::methods::methods;
use super::{Condition, Scalar};
use crate::gate::rules::policy;

const KINDS: &str = "one of all, any, not, role, scope, permission, claim, method, ip, mfa";

/// Reads a condition and records all mistakes in it, not only the first.
pub(super) fn condition(written: &Condition, at: &KeyPath, findings: &mut Findings) -> Option<policy::Condition> {
    let mut kinds: Vec<(&str, Option<policy::Condition>)> = Vec::new();
    if let Some(all) = &written.all {
        kinds.push(("all", list(all, &at.key("all"), findings).map(policy::Condition::All)));
    }
    if let Some(any) = &written.any {
        kinds.push(("any", list(any, &at.key("any"), findings).map(policy::Condition::Any)));
    }
    if let Some(not) = &written.not {
        let inner = condition(not, &at.key("not"), findings);
        kinds.push(("not", inner.map(|inner| policy::Condition::Not(Box::new(inner)))));
    }
    if let Some(roles) = &written.role {
        kinds.push(("role", words(roles, policy::Condition::Role, &at.key("role"), findings)));
    }
    if let Some(scopes) = &written.scope {
        kinds.push((
            "scope",
            words(scopes, policy::Condition::Scope, &at.key("scope"), findings),
        ));
    }
    if let Some(permissions) = &written.permission {
        let at = at.key("permission");
        kinds.push((
            "permission",
            words(permissions, policy::Condition::Permission, &at, findings),
        ));
    }
    if let Some(name) = &written.claim {
        let test = claim_test(written, at, findings);
        kinds.push((
            "claim",
            test.map(|test| policy::Condition::Claim {
                name: name.as_str().into(),
                test,
            }),
        ));
    }
    if let Some(methods) = &written.method {
        kinds.push((
            "method",
            self::methods(methods, &at.key("method"), findings).map(policy::Condition::Method),
        ));
    }
    if let Some(networks) = &written.ip {
        let networks: Vec<_> = networks.0.iter().map(|network| network.0).collect();
        if networks.is_empty() {
            findings.add(&at.key("ip"), "expected at least one network");
        }
        kinds.push(("ip", Some(policy::Condition::Ip(networks))));
    }
    if let Some(mfa) = written.mfa {
        if !mfa {
            findings.add(&at.key("mfa"), "expected true, got false; write `not: { mfa: true }`");
        }
        kinds.push((
            "mfa",
            Some(policy::Condition::Mfa {
                max_age: written.max_age.map(|age| age.0),
            }),
        ));
    }
    if written.max_age.is_some() && written.mfa.is_none() {
        findings.add(&at.key("max_age"), "needs `mfa: true` beside it");
    }
    if written.claim.is_none() && (tests(written).next().is_some()) {
        findings.add(
            at,
            "a test (equals, one_of, contains, exists) needs a `claim` beside it",
        );
    }
    let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
    let mut settled = kinds.into_iter().map(|(_, condition)| condition);
    match (settled.next(), settled.next()) {
        (Some(only), None) => only,
        (None, _) => {
            findings.add(
                at,
                format!("expected {KINDS}, got none: an empty condition would be true for everyone"),
            );
            None
        }
        _ => {
            findings.add(
                at,
                format!(
                    "expected one kind of condition, got {}; combine them with `all` or `any`",
                    names.join(", ")
                ),
            );
            None
        }
    }
}

fn list(conditions: &[Condition], at: &KeyPath, findings: &mut Findings) -> Option<Vec<policy::Condition>> {
    if conditions.is_empty() {
        findings.add(at, "expected at least one condition");
    }
    let settled: Vec<_> = conditions
        .iter()
        .enumerate()
        .map(|(index, inner)| condition(inner, &at.index(index), findings))
        .collect();
    settled.into_iter().collect()
}

fn words(
    words: &OneOrMany<String>,
    kind: fn(Box<str>) -> policy::Condition,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<policy::Condition> {
    if words.0.is_empty() || words.0.iter().any(String::is_empty) {
        findings.add(at, "expected a string, got an empty one");
        return None;
    }
    let mut each: Vec<_> = words.0.iter().map(|word| kind(word.as_str().into())).collect();
    if each.len() == 1 {
        each.pop()
    } else {
        Some(policy::Condition::Any(each))
    }
}

fn tests(written: &Condition) -> impl Iterator<Item = policy::ClaimTest> {
    let value = |scalar: &Scalar| match scalar {
        Scalar::Bool(flag) => serde_json::Value::from(*flag),
        Scalar::Number(number) => serde_json::Value::from(*number),
        Scalar::Text(text) => serde_json::Value::from(text.as_str()),
    };
    [
        written
            .equals
            .as_ref()
            .map(|scalar| policy::ClaimTest::Equals(value(scalar))),
        written
            .one_of
            .as_ref()
            .map(|many| policy::ClaimTest::OneOf(many.iter().map(value).collect())),
        written
            .contains
            .as_ref()
            .map(|scalar| policy::ClaimTest::Contains(value(scalar))),
        written.exists.map(|_| policy::ClaimTest::Exists),
    ]
    .into_iter()
    .flatten()
}

fn claim_test(written: &Condition, at: &KeyPath, findings: &mut Findings) -> Option<policy::ClaimTest> {
    if written
        .claim
        .as_deref()
        .is_some_and(|claim| claim.split('.').any(str::is_empty))
    {
        findings.add(&at.key("claim"), "expected the name of a claim, or a dotted path");
    }
    if written.exists == Some(false) {
        findings.add(
            &at.key("exists"),
            "expected true, got false; write `not: { claim: …, exists: true }`",
        );
    }
    let mut tests = tests(written);
    let (first, second) = (tests.next(), tests.next());
    let only = first.filter(|_| second.is_none());
    if only.is_none() {
        findings.add(
            &at.key("claim"),
            "expected exactly one test beside it: equals, one_of, contains or exists",
        );
    }
    only
}
