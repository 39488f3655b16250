//! The parameters of each query, as SQL expressions: `scale/parameters.yaml`.

use std::collections::BTreeMap;

use super::query::Query;

pub(super) type Parameters = BTreeMap<String, Vec<String>>;

pub(super) fn read() -> Parameters {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scale/parameters.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Queries without parameters in the file, and parameters without a query.
pub(super) fn faults(parameters: &Parameters, queries: &[Query]) -> Vec<String> {
    let missing = queries
        .iter()
        .filter(|query| !parameters.contains_key(&query.name))
        .map(|query| format!("{}: has no entry in tests/it/scale/parameters.yaml", query.name));
    let unknown = parameters
        .keys()
        .filter(|name| queries.iter().all(|query| query.name != **name))
        .map(|name| format!("{name}: is in tests/it/scale/parameters.yaml and is no query"));
    missing.chain(unknown).collect()
}
