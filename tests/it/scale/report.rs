//! What was measured, as a table, and the ten slowest.

use std::fmt::Write as _;

use super::explain::{Mode, Plan};
use super::query::Budget;

const SLOWEST: usize = 10;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) budget: Option<Budget>,
    pub(super) plan: Plan,
}

pub(super) fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    write_rows(&mut text, &mut lines.iter());
    let mut slowest: Vec<&Line> = lines.iter().collect();
    slowest.sort_by(|a, b| b.plan.ms.total_cmp(&a.plan.ms));
    let _ = writeln!(text, "\nThe ten slowest:\n");
    write_rows(&mut text, &mut slowest.into_iter().take(SLOWEST));
    text
}

fn write_rows(text: &mut String, lines: &mut dyn Iterator<Item = &Line>) {
    let _ = writeln!(
        text,
        "| query | plan | buffers | budget | ms |\n|---|---|---:|---:|---:|"
    );
    for line in lines {
        let budget = line
            .budget
            .map_or_else(String::new, |budget| budget.buffers.to_string());
        let Plan { buffers, ms, .. } = line.plan;
        let _ = writeln!(
            text,
            "| {} | {} | {buffers} | {budget} | {ms:.2} |",
            line.name, line.mode
        );
    }
}
