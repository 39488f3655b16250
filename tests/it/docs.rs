//! Documentation that lists what the program knows is compared with the program.

use std::fmt::Write as _;
use std::path::Path;

use sidegate::endpoints::problem::{Code, FIELD_CODES};
use sidegate::gate::denial::Denial;
use sidegate::mail::Letter;
use sidegate::store::audit::Event;

/// Compares `file` with `expected`; with `SIDEGATE_BLESS=1` it is written instead.
fn same(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("SIDEGATE_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "{file} is out of date: run SIDEGATE_BLESS=1 cargo test --test it docs::"
    );
}

#[test]
fn the_list_of_letters_has_each_letter_with_the_values_of_its_template() {
    let page = include_str!("../../docs/letters.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let words: Vec<_> = rows.iter().map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(words, Letter::WORDS);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/templates");
    for (word, row) in words.iter().zip(rows) {
        let template = std::fs::read_to_string(folder.join(format!("{word}.txt"))).unwrap();
        for value in ["code", "link", "new_email", "device", "address", "method"] {
            let listed = row.rsplit('|').nth(1).unwrap().contains(&format!("`{value}`"));
            assert_eq!(
                template.contains(&format!("{{{{ {value} }}}}")),
                listed,
                "{word}: {value}"
            );
        }
    }
}

#[test]
fn the_list_of_refusals_is_that_of_the_program() {
    let mut page = "# Refusals of the proxy\n\n\
        Every refusal of a proxied request, by its stable `code`. The same word stands in the body, in the label `reason` of\n\
        `sidegate_auth_decisions_total`, and in the log. This page is made from the program.\n\n\
        | code | status | challenge | what the caller reads |\n|---|---|---|---|\n"
        .to_owned();
    for denial in Denial::all() {
        let challenge = denial.challenge().map_or_else(String::new, |challenge| {
            let error = challenge
                .split("error=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            format!("`{}`", error.unwrap_or("Bearer"))
        });
        writeln!(
            page,
            "| `{}` | {} | {challenge} | {} |",
            denial.code(),
            denial.status().as_u16(),
            denial.title()
        )
        .unwrap();
    }
    same("docs/refusals.md", &page);
}

#[test]
fn the_list_of_audit_events_is_that_of_the_program() {
    let mut page = "# Audit events\n\n\
        Everything that is written to the audit log, in the transaction of what it records. `sidegate audit --event` and\n\
        `GET /auth/admin/audit?event=` take these words, and they are the label `event` of `sidegate_audit_events_total`. The\n\
        list is closed: the schema refuses any other word. This page is made from the program.\n\n\
        An entry says when (`at`), what (`event`), whether it worked (`outcome`), who did it (`actor_id`; none for somebody not\n\
        signed in and for the command line), whom it concerns (`user_id`), in which session, from which address, with which\n\
        user agent, in which request (`request_id`, as in the access log), and more in `data`. Never in it: a password, a\n\
        token, a code, a hash, or what a profile says.\n\n\
        | event | written when |\n|---|---|\n"
        .to_owned();
    for event in Event::ALL {
        writeln!(page, "| `{}` | {} |", event.as_str(), event.description()).unwrap();
    }
    same("docs/audit.md", &page);
}

#[test]
fn the_list_of_problems_is_that_of_the_program() {
    let mut page = "# Refusals of the API\n\n\
        Every refusal of the endpoints under `/auth` that is not one of [the proxy's](refusals.md), by its stable `code`.\n\
        Reading a request and judging its token, the endpoints refuse with the proxy's words. One word may come with two\n\
        statuses. This page is made from the program, and so is `/auth/openapi.json`, which says which endpoint refuses with\n\
        which words.\n\n\
        The endpoints for services (`/auth/introspect`, `/auth/revoke`) add the member `error` of RFC 6749 section 5.2, for clients\n\
        that know OAuth and not us: `invalid_client` or `invalid_request`.\n\n\
        | code | status | what the caller reads |\n|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        writeln!(page, "| `{}` | {status} | {} |", code.word(), code.title()).unwrap();
    }
    page.push_str(
        "\n## Fields\n\n\
        With `validation_failed` (422) the member `errors` is a list of `{\"field\", \"code\", \"message\"}`. The field is a path\n\
        (`profile.name`), the code one of these:\n\n| code | meaning |\n|---|---|\n",
    );
    for (word, meaning) in FIELD_CODES {
        writeln!(page, "| `{word}` | {meaning} |").unwrap();
    }
    same("docs/problems.md", &page);
}

#[test]
fn every_metric_that_the_readme_or_the_architecture_names_exists() {
    let metrics = sidegate::metrics::Metrics::new();
    let known = metrics.all_names();
    for file in ["README.md", "ARCHITECTURE.md", "docs/refusals.md", "docs/audit.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let is_metric = word.starts_with("sidegate_") && (word.ends_with("_total") || word.ends_with("_seconds"));
            assert!(
                !is_metric || known.contains(&word),
                "{file} names {word}, which does not exist"
            );
        }
    }
}
