//! EXPLAIN of a query: the best of several runs.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::query::Query;

/// The number of runs: on a busy machine most runs of a few milliseconds are interrupted.
const RUNS: u32 = 10;

/// Which plan PostgreSQL uses for a prepared statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One for these parameters.
    Custom,
    /// One for any: what PostgreSQL may keep after five calls.
    Generic,
}

impl Mode {
    pub(super) const ALL: [Self; 2] = [Self::Custom, Self::Generic];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Custom => "custom",
            Self::Generic => "generic",
        })
    }
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) buffers: u64,
    pub(super) ms: f64,
    /// Every table that it reads or writes.
    pub(super) tables: BTreeSet<String>,
    /// Those that it reads from the beginning to the end.
    pub(super) sequential: BTreeSet<String>,
    /// Whether a step of it found a row: a look-up of what is not there costs little and says little.
    pub(super) found: bool,
}

/// Runs it; what it changes is rolled back.
pub(super) async fn run(client: &Client, query: &Query, arguments: &[String], mode: Mode) -> Result<Plan, String> {
    let begin = format!(
        "BEGIN; SET LOCAL plan_cache_mode = force_{mode}_plan; PREPARE scale AS {}",
        query.text
    );
    let outcome = match client.batch_execute(&begin).await {
        Ok(()) => best(client, arguments).await,
        Err(error) => Err(said(&error)),
    };
    client
        .batch_execute("ROLLBACK; DEALLOCATE ALL")
        .await
        .map_err(|error| said(&error))?;
    outcome
}

async fn best(client: &Client, arguments: &[String]) -> Result<Plan, String> {
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        format!("({})", arguments.join(", "))
    };
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE scale {arguments}");
    let mut best: Option<Plan> = None;
    for _ in 0..RUNS {
        client
            .batch_execute("SAVEPOINT run")
            .await
            .map_err(|error| said(&error))?;
        let answer = client.simple_query(&explain).await.map_err(|error| said(&error))?;
        client
            .batch_execute("ROLLBACK TO SAVEPOINT run")
            .await
            .map_err(|error| said(&error))?;
        let plan = read(&answer);
        best = Some(match best {
            None => plan,
            Some(best) => Plan {
                buffers: best.buffers.min(plan.buffers),
                ms: best.ms.min(plan.ms),
                ..plan
            },
        });
    }
    Ok(best.expect("at least one run"))
}

fn read(answer: &[SimpleQueryMessage]) -> Plan {
    let lines: Vec<&str> = answer
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    let explained: Value = serde_json::from_str(&lines.join("\n")).unwrap();
    let (root, ms) = (&explained[0]["Plan"], &explained[0]["Execution Time"]);
    let count = |name: &str| root[name].as_u64().unwrap_or_default();
    let mut plan = Plan {
        buffers: count("Shared Hit Blocks") + count("Shared Read Blocks"),
        ms: ms.as_f64().unwrap(),
        tables: BTreeSet::new(),
        sequential: BTreeSet::new(),
        found: false,
    };
    visit(root, &mut plan);
    plan
}

fn visit(node: &Value, plan: &mut Plan) {
    plan.found |= node["Actual Rows"].as_f64().is_some_and(|rows| rows > 0.0);
    if let Some(table) = node["Relation Name"].as_str() {
        plan.tables.insert(table.to_owned());
        if node["Node Type"] == "Seq Scan" {
            plan.sequential.insert(table.to_owned());
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        visit(child, plan);
    }
}

fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |error| format!("{} ({})", error.message(), error.code().code()),
    )
}
