//! The claims that the configuration uses.

use std::collections::BTreeSet;

use super::{
    identity_headers::Source,
    policy::Condition,
    route::{Access, Route},
};

/// The claims that the policies and headers of `routes` use. Only these are cached with a verified token: a million
/// complete payloads would not fit.
pub fn of<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Box<[Box<str>]> {
    fn visit(condition: &Condition, wanted: &mut BTreeSet<Box<str>>) {
        match condition {
            Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|one| visit(one, wanted)),
            Condition::Not(inner) => visit(inner, wanted),
            Condition::Claim { name, .. } => want(name, wanted),
            _ => {}
        }
    }
    fn want(path: &str, wanted: &mut BTreeSet<Box<str>>) {
        // A dot can be part of a name or separate the levels of a path; keep both interpretations.
        wanted.insert(path.into());
        wanted.extend(path.split_once('.').map(|(name, _)| Box::from(name)));
    }
    let mut wanted = BTreeSet::new();
    for route in routes {
        if let Access::Policy(policy) = &route.access {
            policy.rules.iter().for_each(|rule| visit(&rule.condition, &mut wanted));
        }
        for planned in &route.identity.headers {
            if let Source::Claim { name, .. } = &planned.source {
                want(name, &mut wanted);
            }
        }
    }
    wanted.into_iter().collect()
}
