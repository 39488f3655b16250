//! An example of every refusal, for the OpenAPI document.

use serde_json::{Map, Value, json};

use crate::endpoints::problem::{self, ProblemBody};

/// Every refusal as it is sent, by status and code: a code can have two statuses.
pub(super) fn all() -> Map<String, Value> {
    let refusals = problem::all().into_iter();
    let example = |refusal: problem::Refusal| {
        let body = ProblemBody::example(&refusal);
        (name(&refusal), json!({ "summary": refusal.title, "value": body }))
    };
    refusals.map(example).collect()
}

/// The name of an example in the document's components.
pub(super) fn name(refusal: &problem::Refusal) -> String {
    format!("{}_{}", refusal.status.as_u16(), refusal.code)
}
