//! Every refusal as an example.

use serde_json::{Map, Value, json};

use crate::endpoints::problem::{self, ProblemBody};

/// Every refusal as it is sent, by status and word: one word may be said with two statuses.
pub(super) fn all() -> Map<String, Value> {
    let refusals = problem::all().into_iter();
    let example = |refusal: problem::Refusal| {
        let body = ProblemBody::example(&refusal);
        (name(&refusal), json!({ "summary": refusal.title, "value": body }))
    };
    refusals.map(example).collect()
}

/// Under which name it is referred to.
pub(super) fn name(refusal: &problem::Refusal) -> String {
    format!("{}_{}", refusal.status.as_u16(), refusal.word)
}
