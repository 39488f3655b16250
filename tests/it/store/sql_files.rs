//! The headers of all files under `sql/queries` are correct, and there is no SQL elsewhere.

use sidegate::store::sql;
use tokio_postgres::types::Type;

use super::fixture::Database;

/// Name, type as in the header.
type Column = (String, String);

struct Header {
    kind: String,
    doc: bool,
    params: Vec<Column>,
    columns: Vec<Column>,
}

fn header(text: &str) -> Header {
    let mut lines = text.lines().take_while(|line| line.starts_with("--"));
    let kind = lines.next().unwrap().rsplit_once(' ').unwrap().1.to_owned();
    let mut header = Header {
        kind,
        doc: false,
        params: Vec::new(),
        columns: Vec::new(),
    };
    for line in lines {
        let words: Vec<&str> = line.trim_start_matches("--").split_whitespace().collect();
        match words.as_slice() {
            ["->", name, kind, ..] => header.columns.push(((*name).to_owned(), (*kind).to_owned())),
            [number, name, kind, ..] if number.starts_with('$') => {
                header.params.push(((*name).to_owned(), (*kind).to_owned()));
                assert_eq!(*number, format!("${}", header.params.len()), "{line}");
            }
            _ => header.doc = true,
        }
    }
    header
}

#[tokio::test]
async fn every_query_takes_and_returns_what_its_header_says() {
    let database = Database::migrated().await;
    for query in sql::ALL {
        let statement = database
            .raw
            .prepare(query.text)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", query.name));
        let header = header(query.text);
        assert!(header.doc, "{}: the header says what for", query.name);

        let types = |types: &[Type]| types.iter().map(|kind| kind.name().to_owned()).collect::<Vec<_>>();
        let written: Vec<String> = header
            .params
            .iter()
            .map(|(_, kind)| kind.trim_end_matches('?').to_owned())
            .collect();
        assert_eq!(types(statement.params()), written, "{}: parameters", query.name);

        let mut found = Vec::new();
        for (column, (_, written)) in statement.columns().iter().zip(&header.columns) {
            // Only the author knows whether a computed column can be null; for a column of a table, PostgreSQL does.
            let nullable = match (column.table_oid(), column.column_id()) {
                (Some(table), Some(number)) if !(query.text.contains("LEFT JOIN") && written.ends_with('?')) => {
                    !database
                        .raw
                        .query_one(
                            "SELECT attnotnull FROM pg_attribute WHERE attrelid = $1 AND attnum = $2",
                            &[&table, &number],
                        )
                        .await
                        .unwrap()
                        .get::<_, bool>(0)
                }
                // What a table never leaves empty, a LEFT JOIN may.
                _ => written.ends_with('?'),
            };
            found.push((
                column.name().to_owned(),
                format!("{}{}", column.type_().name(), if nullable { "?" } else { "" }),
            ));
        }
        // An :exec that calls a function for its effect returns a void nobody reads.
        let returns = statement
            .columns()
            .iter()
            .filter(|column| *column.type_() != Type::VOID)
            .count();
        assert_eq!(found, header.columns, "{}: columns", query.name);
        assert_eq!(returns, header.columns.len(), "{}: columns", query.name);
        match header.kind.as_str() {
            ":exec" => assert_eq!(returns, 0, "{}", query.name),
            ":one" | ":one?" | ":many" => assert!(returns > 0, "{}", query.name),
            other => panic!("{}: unknown kind {other}", query.name),
        }
    }
}

#[test]
fn no_sql_stands_in_the_source() {
    // A statement's first words, in a string. Upper case is how SQL is written here.
    let words = [
        "SELECT ",
        "INSERT INTO",
        "UPDATE ",
        "DELETE FROM",
        "CREATE ",
        "ALTER ",
        "DROP ",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SET ",
        "LOCK TABLE",
        "TRUNCATE",
        "pg_advisory",
        "pg_try_advisory",
    ];
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                // A file's own tests may write what they need.
                let code = text.split("#[cfg(test)]").next().unwrap();
                for (number, line) in code.lines().enumerate() {
                    let is_comment = line.trim_start().starts_with("//");
                    if !is_comment
                        && words
                            .iter()
                            .any(|word| line.contains(&format!("\"{word}")) || line.contains(&format!("r#\"{word}")))
                    {
                        found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "SQL belongs in sql/queries:\n{}", found.join("\n"));
}
