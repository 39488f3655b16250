//! Checks policies and converts them to the form that is evaluated.

use std::sync::Arc;

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::name::Name;
use super::Rule;
use super::condition::condition;
use crate::gate::rules::policy;

/// Values of `access` that are built in, and so cannot be names of policies.
pub(in super::super) const BUILT_IN: [&str; 3] = ["public", "optional", "authenticated"];

/// `None` if there is a mistake, which is recorded in `findings`.
pub(in super::super::super) fn policy(
    name: &Name,
    rules: &[Rule],
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<Arc<policy::Policy>> {
    if BUILT_IN.contains(&name.as_str()) {
        findings.add(at, format!("`{name}` is built in: choose another name"));
    }
    if !rules.iter().any(|rule| rule.allow.is_some()) {
        findings.add(at, "expected at least one `allow`: without one it denies everybody");
    }
    let settled: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| self::rule(rule, &at.index(index), findings))
        .collect();
    let rules = settled.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Arc::new(policy::Policy {
        name: name.as_str().into(),
        rules,
    }))
}

fn rule(rule: &Rule, at: &KeyPath, findings: &mut Findings) -> Option<policy::Rule> {
    let (effect, key, condition) = match (&rule.allow, &rule.deny) {
        (Some(condition), None) => (policy::Effect::Allow, "allow", condition),
        (None, Some(condition)) => (policy::Effect::Deny, "deny", condition),
        _ => {
            findings.add(at, "expected either `allow` or `deny`");
            return None;
        }
    };
    let at = at.key(key);
    let condition = self::condition(condition, &at, findings)?;
    if effect == policy::Effect::Allow && is_always_true(&condition) {
        findings.add(
            &at,
            "would allow everyone: restrict it, or use `access: authenticated` or `access: public` in the route",
        );
        return None;
    }
    Some(policy::Rule { effect, condition })
}

/// Whether a condition is always true. Not complete: it finds the ways in which people open a route "for now".
fn is_always_true(condition: &policy::Condition) -> bool {
    match condition {
        policy::Condition::Authenticated => true,
        policy::Condition::All(inner) => inner.iter().all(is_always_true),
        policy::Condition::Any(inner) => inner.iter().any(is_always_true),
        policy::Condition::Ip(networks) => networks.iter().any(|network| network.prefix_len() == 0),
        policy::Condition::Not(inner) => matches!(&**inner, policy::Condition::Not(inner) if is_always_true(inner)),
        _ => false,
    }
}
