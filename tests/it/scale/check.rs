//! What is wrong with a plan.

use super::explain::{Mode, Plan};
use super::query::Query;

/// The tables that grow with the number of users: none is ever read from the beginning to the end.
const LARGE: [&str; 8] = [
    "users",
    "user_roles",
    "sessions",
    "refresh_tokens",
    "devices",
    "audit_logs",
    "recovery_codes",
    "totp_factors",
];

/// The longest that a query may take which does not say otherwise.
const LONGEST_MS: f64 = 5.0;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Whether the time counts.
    pub(super) with_time: bool,
}

/// Each fault, as a sentence.
pub(super) fn faults(query: &Query, mode: Mode, plan: &Plan, limits: Limits) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(format!("{} ({mode}): {text}", query.name));
    if !plan.found {
        fault("its parameters find nothing, so that its cost says nothing".to_owned());
    }
    let large: Vec<&str> = LARGE.into_iter().filter(|table| plan.tables.contains(*table)).collect();
    for table in &large {
        if plan.sequential.contains(*table) {
            fault(format!("reads all of {table}"));
        }
    }
    match query.budget {
        Some(budget) if plan.buffers > budget.buffers => {
            fault(format!(
                "reads {} buffers, its budget is {}",
                plan.buffers, budget.buffers
            ));
        }
        None if !large.is_empty() => {
            fault(format!(
                "is about {} and has no budget; it reads {} buffers",
                large.join(", "),
                plan.buffers
            ));
        }
        _ => {}
    }
    let longest = query.budget.and_then(|budget| budget.ms).unwrap_or(LONGEST_MS);
    if limits.with_time && plan.ms > longest {
        fault(format!("takes {:.2} ms, its limit is {longest} ms", plan.ms));
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::query::Budget;
    use super::*;

    fn query(budget: Option<Budget>) -> Query {
        Query {
            name: "user_find".into(),
            text: String::new(),
            budget,
        }
    }

    fn plan(buffers: u64, ms: f64, sequential: bool) -> Plan {
        let tables = BTreeSet::from(["users".to_owned()]);
        Plan {
            buffers,
            ms,
            sequential: if sequential { tables.clone() } else { BTreeSet::new() },
            tables,
            found: true,
        }
    }

    #[test]
    fn a_plan_within_its_budget_has_no_fault_and_each_excess_is_one() {
        let twelve = query(Some(Budget { buffers: 12, ms: None }));
        let slow = query(Some(Budget {
            buffers: 12,
            ms: Some(50.0),
        }));
        let count =
            |query: &Query, plan: &Plan, with_time| faults(query, Mode::Generic, plan, Limits { with_time }).len();
        assert_eq!(count(&twelve, &plan(12, 5.0, false), true), 0);
        assert_eq!(count(&twelve, &plan(13, 5.0, false), true), 1);
        assert_eq!(count(&twelve, &plan(12, 5.1, false), true), 1);
        assert_eq!(count(&twelve, &plan(12, 5.1, false), false), 0);
        assert_eq!(count(&slow, &plan(12, 49.0, false), true), 0);
        assert_eq!(count(&slow, &plan(12, 51.0, false), true), 1);
        assert_eq!(count(&twelve, &plan(12, 1.0, true), true), 1);
        assert_eq!(count(&query(None), &plan(1, 1.0, false), true), 1);
        let nothing = Plan {
            found: false,
            ..plan(1, 1.0, false)
        };
        assert_eq!(count(&twelve, &nothing, true), 1);
    }
}
