//! Files that are no configuration at all, and those that are too large to be meant.

use std::fmt::Write as _;
use std::process::Command;

use super::{GOOD, parse};

/// What `sidegate check` prints about a file with these bytes, without the directory.
fn check(bytes: &[u8]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f.yaml");
    std::fs::write(&file, bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    let output = command
        .args(["check", "--config"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let directory = format!("{}/", dir.path().display());
    (output.status.code(), said.replace(&directory, ""))
}

#[test]
fn a_file_that_is_no_yaml_text_has_a_line() {
    for (bytes, expected) in [
        (
            &b""[..],
            "f.yaml:1:1: is empty: expected at least `version`, `upstreams` and `routes`\n",
        ),
        (
            b"# a comment\n",
            "f.yaml:1:1: is empty: expected at least `version`, `upstreams` and `routes`\n",
        ),
        (
            b"\xef\xbb\xbf",
            "f.yaml:1:1: is empty: expected at least `version`, `upstreams` and `routes`\n",
        ),
        (
            b"version: 1\nserver: \xff\n",
            "f.yaml:2:9: is not UTF-8 text: the byte 0xff is not part of a character\n",
        ),
        (b"\xff\xfev\0", "f.yaml:1:1: is UTF-16 text: save it as UTF-8\n"),
        (
            b"version: 1\nserver:\n  public_url: \0\n",
            "f.yaml:3:15: the character U+0000 (NUL) is not allowed in YAML\n",
        ),
        (
            b"\n- a\n",
            "f.yaml:2:1: expected a map of sections (`server:`, `routes:`, \u{2026})\n",
        ),
    ] {
        assert_eq!(check(bytes), (Some(64), expected.to_owned()));
    }
}

#[test]
fn a_byte_order_mark_is_no_mistake_and_moves_no_position() {
    let with_mark = format!("\u{feff}{GOOD}");
    assert!(parse(&with_mark).is_ok());
    assert_eq!(check(with_mark.as_bytes()).0, Some(0));
    let first_line = format!(
        "\u{feff}vresion: 1{}",
        GOOD.trim_start().trim_start_matches("version: 1")
    );
    let lines = parse(&first_line).unwrap_err();
    assert!(lines[0].starts_with("f:1:1: vresion: unknown key"), "{lines:?}");
}

/// `GOOD` with this many routes.
fn with_routes(count: usize) -> String {
    let mut text = GOOD.to_owned();
    for number in 1..count {
        let route = format!("{{ id: r-{number}, match: {{ path: /r/{number} }}, upstream: app, access: staff }}");
        writeln!(text, "  - {route}").unwrap();
    }
    text
}

#[test]
fn ten_thousand_routes_are_accepted_and_not_one_more() {
    let loaded = parse(&with_routes(10_000)).unwrap();
    assert_eq!(loaded.snapshot.rules.routes.iter().count(), 10_000);
    assert_eq!(
        parse(&with_routes(10_001)).unwrap_err(),
        ["f:16:1: routes: expected at most 10000 routes, got 10001"]
    );
}

#[test]
fn very_many_warnings_are_cut_off_so_that_a_file_is_checked_in_time() {
    let mut upstreams = String::from("upstreams:\n");
    for number in 0..2000 {
        writeln!(upstreams, "  unused-{number}: {{ servers: [http://unused] }}").unwrap();
    }
    let warnings = parse(&GOOD.replace("upstreams:\n", &upstreams)).unwrap().warnings;
    assert_eq!(warnings.len(), 101);
    assert_eq!(warnings[100], "f: and more; these are the first 100");
}
