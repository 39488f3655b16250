//! Every query on a database of the intended size: its plan, its buffers and its time, with a custom plan and with the
//! generic plan that PostgreSQL may use for a prepared statement.
//!
//! The budget of a query is in its header (`-- budget: 12 buffers`); the parameters are in `scale/parameters.yaml`, and
//! the rows come from `scale/accounts.sql` and `scale/audit.sql`.

mod check;
mod database;
mod explain;
mod parameters;
mod query;
mod report;

use self::check::Limits;
use self::database::Size;

/// In every run of the tests: large enough that a sequential scan is over the budget.
#[tokio::test]
async fn no_query_reads_more_than_its_budget_with_twenty_thousand_users() {
    let size = Size {
        users: 20_000,
        live_sessions: 30_000,
        ended_sessions: 200_000,
        audit_entries: 200_000,
    };
    // Times measured while other tests run mean nothing.
    run(size, Limits { with_time: false }).await;
}

#[tokio::test]
#[ignore = "10 to 15 minutes: make scale"]
async fn no_query_reads_more_than_its_budget_or_takes_long_with_a_million_users() {
    let size = Size {
        users: 1_000_000,
        live_sessions: 1_500_000,
        ended_sessions: 10_000_000,
        audit_entries: 10_000_000,
    };
    run(size, Limits { with_time: true }).await;
}

async fn run(size: Size, limits: Limits) {
    let queries = query::all();
    let parameters = parameters::read();
    let (_database, client) = database::filled(size).await;
    let mut measured = Vec::new();
    let mut faults = parameters::faults(&parameters, &queries);
    for query in &queries {
        let Some(arguments) = parameters.get(&query.name) else {
            continue;
        };
        for mode in explain::Mode::ALL {
            match explain::run(&client, query, arguments, mode).await {
                Ok(plan) => {
                    faults.extend(check::faults(query, mode, &plan, limits));
                    measured.push(report::Line {
                        name: query.name.clone(),
                        mode,
                        budget: query.budget,
                        plan,
                    });
                }
                Err(error) => faults.push(format!("{} ({mode}): {error}", query.name)),
            }
        }
    }
    println!("{}", report::table(&measured));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
