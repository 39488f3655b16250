//! The query files, with what their headers allow.

use std::path::Path;

/// These have no plan: they control a transaction, create a table, or listen.
const UNPLANNED: [&str; 8] = [
    "migration_table_create",
    "revocation_listen",
    "savepoint_release",
    "savepoint_set",
    "savepoint_rollback_to",
    "transaction_begin",
    "transaction_commit",
    "transaction_rollback",
];

/// What a query may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    pub(super) buffers: u64,
    /// A statement that works in batches may say that it takes longer than a look-up.
    pub(super) ms: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Query {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) budget: Option<Budget>,
}

impl Query {
    fn writes(&self) -> bool {
        let statements = self.text.lines().filter(|line| !line.starts_with("--"));
        let mut words = statements.flat_map(str::split_whitespace);
        words.any(|word| ["INSERT", "UPDATE", "DELETE"].contains(&word.trim_start_matches('(')))
    }
}

/// Every query that has a plan, in the order of the names; those that write come last.
pub(super) fn all() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
    let mut queries: Vec<Query> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            Query {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                budget: budget(&text),
                text,
            }
        })
        .filter(|query| !UNPLANNED.contains(&&*query.name))
        .collect();
    // Those that write come last: their changes are rolled back, but leave dead rows, which the others would read.
    queries.sort_by(|a, b| (a.writes(), &a.name).cmp(&(b.writes(), &b.name)));
    queries
}

/// Reads `-- budget: 12 buffers` or `-- budget: 30000 buffers, 100 ms`.
fn budget(text: &str) -> Option<Budget> {
    let line = text.lines().find_map(|line| line.strip_prefix("-- budget: "))?;
    let (buffers, ms) = line
        .split_once(", ")
        .map_or((line, None), |(buffers, ms)| (buffers, Some(ms)));
    let bare = |text: &str, unit: &str| {
        let number = text.strip_suffix(unit);
        number.unwrap_or_else(|| panic!("{text:?} in {line:?}")).to_owned()
    };
    Some(Budget {
        buffers: bare(buffers, " buffers").parse().unwrap(),
        ms: ms.map(|ms| bare(ms, " ms").parse().unwrap()),
    })
}

#[test]
fn a_budget_is_read_from_the_header() {
    let ms = |text: &str| budget(text).map(|budget| (budget.buffers, budget.ms));
    assert_eq!(ms("-- a :one\n-- budget: 12 buffers\n\nSELECT 1"), Some((12, None)));
    assert_eq!(ms("-- budget: 30000 buffers, 100 ms\n"), Some((30_000, Some(100.0))));
    assert_eq!(ms("-- a :one\n\nSELECT 1"), None);
}
