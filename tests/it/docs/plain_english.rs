//! Documentation, configuration comments, help texts, source and SQL use the terms of the field. Each entry of
//! [`INSTEAD`] was once in one of these texts, where readers had to guess what it meant.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use sidegate::cli::Cli;

/// Phrases that texts must not contain, and what to say instead. They match whole words, ignoring case.
const INSTEAD: &[(&str, &str)] = &[
    ("asked again", "retried"),
    ("asking again", "retrying"),
    ("asks again", "retries"),
    ("by mail", "by email"),
    ("given away", "used by another account"),
    ("happening", "audit entry"),
    ("happenings", "audit entries"),
    ("harmless", "sanitized"),
    ("imagined", "not verified"),
    ("in the place of", "instead of"),
    ("letter", "email, message"),
    ("letters", "email, messages"),
    ("luck", "jitter"),
    ("mail address", "email address"),
    ("mailed", "sent by email"),
    ("on its way", "is sent"),
    ("one's own", "your"),
    ("our word", "signed assertion"),
    ("patience", "timeouts and slow clients"),
    ("riddle", "ambiguous"),
    ("sign of life", "activity event"),
    ("signs of life", "activity events"),
    ("taken back", "withdrawn"),
    ("the truth", "the source of truth"),
    ("they are written", "they are notified by email"),
    ("ticket", "access token, MFA token"),
    ("tickets", "access tokens, MFA tokens"),
    ("unreadable", "malformed"),
    ("who knows the old", "requires the current password"),
    ("whoever", "a client that, a user who"),
    ("whose it is", "the account's"),
];

/// Ordinary uses of such words, which are not searched.
const ALLOWED: &[&str] = &[
    "source of truth",
    // Characters, and a property of CSS.
    "letter or digit",
    "letter-spacing",
    "letters and digits",
    "letters of any case",
    "letters, digits",
];

/// Doc comments that say nothing about what they document.
const EMPTY: &[&str] = &[
    "All of it.",
    "By whom.",
    "Does it.",
    "From where.",
    "How many.",
    "How.",
    "It did.",
    "Once.",
    "To whom.",
    "What.",
    "When.",
    "Where.",
    "Which one.",
    "Which.",
    "Who.",
    "Whom.",
    "Whose.",
    "Why.",
    "With what.",
];

/// The phrases of [`INSTEAD`] in a text, each with its line.
fn find(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut line = line.to_lowercase();
        for phrase in ALLOWED {
            line = line.replace(phrase, "");
        }
        for (phrase, instead) in INSTEAD {
            if line
                .match_indices(phrase)
                .any(|(at, _)| stands_alone(&line, at, phrase.len()))
            {
                found.push((index + 1, *phrase, *instead));
            }
        }
    }
    found
}

fn stands_alone(line: &str, at: usize, length: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !line[..at].chars().next_back().is_some_and(is_word) && !line[at + length..].chars().next().is_some_and(is_word)
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = [
        "README.md",
        "CHANGELOG.md",
        "ARCHITECTURE.md",
        "BENCHMARKS.md",
        "Makefile",
        "tests/README.md",
    ]
    .map(|name| root.join(name))
    .into();
    for folder in ["docs", "config", "scripts"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files
}

/// Every Rust, SQL and Lua file and every template of the source, the schema and the tests, except this one, which
/// lists the phrases.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "sql", "tests", "benches"].map(|name| root.join(name)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "plain_english.rs")
                && path
                    .extension()
                    .is_some_and(|kind| ["rs", "sql", "lua", "html"].iter().any(|known| kind == *known))
            {
                files.push(path);
            }
        }
    }
    files
}

/// The help of a command and of all its subcommands.
fn helps(command: &mut clap::Command, all: &mut Vec<(String, String)>) {
    all.push((
        format!("{} --help", command.get_name()),
        command.render_long_help().to_string(),
    ));
    for subcommand in command.get_subcommands_mut() {
        helps(subcommand, all);
    }
}

#[test]
fn documentation_configuration_and_help_use_the_terms_of_the_field() {
    let mut texts: Vec<(String, String)> = files()
        .into_iter()
        .map(|file| (file.display().to_string(), std::fs::read_to_string(&file).unwrap()))
        .collect();
    helps(&mut Cli::command(), &mut texts);
    assert!(texts.len() > 40, "only {} texts were found", texts.len());
    let mut found = Vec::new();
    for (name, text) in &texts {
        for (line, phrase, instead) in find(text) {
            found.push(format!("{name}:{line}: \"{phrase}\": say {instead}"));
        }
    }
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

#[test]
fn source_and_sql_use_the_terms_of_the_field() {
    let files = sources();
    assert!(files.len() > 400, "only {} files were found", files.len());
    let mut found = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for (line, phrase, instead) in find(&text) {
            found.push(format!("{}:{line}: \"{phrase}\": say {instead}", file.display()));
        }
    }
    assert!(found.is_empty(), "{} phrases:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_doc_comment_says_what_it_documents() {
    let mut found = Vec::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! "))
                && EMPTY.contains(&comment)
            {
                found.push(format!("{}:{}: {comment}", file.display(), index + 1));
            }
        }
    }
    assert!(found.is_empty(), "{} comments:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_phrase_is_found_as_whole_words_in_any_case() {
    let phrases = |text| find(text).into_iter().map(|(_, phrase, _)| phrase).collect::<Vec<_>>();
    assert_eq!(phrases("A Letter is sent, by mail."), ["by mail", "letter"]);
    assert_eq!(phrases("`letters_wait`, newsletter, lettered, by mailbox"), [""; 0]);
    assert_eq!(phrases("1 to 64 letters, digits or dots"), [""; 0]);
    assert_eq!(phrases("PostgreSQL is the source of truth"), [""; 0]);
    assert_eq!(phrases("PostgreSQL is the truth"), ["the truth"]);
}

/// A help text is an imperative sentence, so that it reads well after the command's name: "Lock an account".
#[test]
fn the_help_of_a_command_starts_with_a_verb() {
    const VERBS: &[&str] = &[
        "Add",
        "Check",
        "Create",
        "Decode",
        "Delete",
        "End",
        "Exit",
        "Explain",
        "Import",
        "Invite",
        "Issue",
        "List",
        "Lock",
        "Make",
        "Manage",
        "Print",
        "Re-encrypt",
        "Remove",
        "Require",
        "Restore",
        "Retire",
        "Run",
        "Serve",
        "Set",
        "Show",
        "Undo",
        "Unlock",
        "Withdraw",
    ];
    fn walk(command: &clap::Command, wrong: &mut Vec<String>) {
        for subcommand in command.get_subcommands() {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            let verb = about.split([' ', ',']).next().unwrap_or_default();
            if !VERBS.contains(&verb) {
                wrong.push(format!("{}: {about}", subcommand.get_name()));
            }
            walk(subcommand, wrong);
        }
    }
    let mut wrong = Vec::new();
    walk(&Cli::command(), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
