//! How commands print: a table for people, or JSON Lines for programs (one object per line, also for a single object, so that
//! every command is read the same way and an endless list can be read while it is printed).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::visible::escaped;

/// The output format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// JSON for programs: one object per line.
    Json,
}

/// Prints rows: as JSON, one object per line and none for an empty list, or as a table of the fields named in `columns`, in that order.
///
/// # Errors
/// When `out` is closed.
pub fn rows<T: Serialize>(out: &mut impl Write, format: Format, columns: &[&str], rows: &[T]) -> io::Result<()> {
    if format == Format::Json {
        return rows
            .iter()
            .try_for_each(|row| writeln!(out, "{}", escaped(&serde_json::to_string(row)?)));
    }
    let mut lines = vec![
        columns
            .iter()
            .map(|column| column.replace('_', " ").to_uppercase())
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let row = serde_json::to_value(row)?;
        lines.push(columns.iter().map(|column| text(&row[*column])).collect());
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A value as the text of a table cell.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        // A line break in a profile would make two rows of one.
        Value::String(text) => escaped(text).replace('\n', " "),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => escaped(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_terminal_would_interpret_is_escaped() {
        let given = [json!({"device": "phone\u{202e}gnp\u{1b}[2J", "name": "a\u{200b}b"})];
        for format in [Format::Table, Format::Json] {
            let mut text = Vec::new();
            rows(&mut text, format, &["device", "name"], &given).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(
                text.contains("phone\\u202egnp\\u001b[2J") && text.contains("a\\u200bb"),
                "{text}"
            );
            assert!(text.is_ascii(), "{text:?}");
        }
    }

    #[test]
    fn a_table_is_aligned_and_json_has_one_object_per_line() {
        let given = [
            json!({"name": "a", "rows": 10}),
            json!({"name": "longer", "rows": null}),
        ];
        let mut table = Vec::new();
        rows(&mut table, Format::Table, &["name", "rows"], &given).unwrap();
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "NAME    ROWS\na       10\nlonger  -\n"
        );
        let json = |rows: &[Value]| {
            let mut text = Vec::new();
            super::rows(&mut text, Format::Json, &["name"], rows).unwrap();
            String::from_utf8(text).unwrap()
        };
        let lines = "{\"name\":\"a\",\"rows\":10}\n{\"name\":\"longer\",\"rows\":null}\n";
        assert_eq!((json(&given).as_str(), json(&[]).as_str()), (lines, ""));
    }
}
