//! The mistakes in a configuration, each with its place.

use std::fmt;

use super::KeyPath;

/// The mistakes that make a configuration unusable, sorted by position in the file.
///
/// Prints one line for each, `sidegate.yaml:12:5: routes[3].access: expected …, got …`. No message contains the value of a secret
/// or of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    pub(super) file: String,
    pub(super) problems: Vec<Problem>,
    /// Whether the list was cut off because there are too many.
    pub(super) more: bool,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the key.
    pub path: KeyPath,
    /// Line and column in the text, both from 1, if they are known.
    pub position: Option<(usize, usize)>,
    /// What is wrong and what is expected.
    pub message: String,
}

impl Errors {
    pub(super) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.position.unwrap_or((usize::MAX, usize::MAX)));
        Self {
            file: file.to_owned(),
            problems,
            more: false,
        }
    }

    /// A problem with the file as a whole: it cannot be opened, it is too large.
    pub(super) fn whole_file(file: &str, message: impl Into<String>) -> Self {
        Self::new(
            file,
            vec![Problem {
                path: KeyPath::root(),
                position: None,
                message: message.into(),
            }],
        )
    }

    /// A problem with the text at `position`, whatever its key.
    pub(super) fn at(file: &str, position: (usize, usize), message: impl Into<String>) -> Self {
        Self::new(
            file,
            vec![Problem {
                path: KeyPath::root(),
                position: Some(position),
                message: message.into(),
            }],
        )
    }

    /// The problems, in the order in which they are printed.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Errors {
    /// One line per problem, and one more if there are more than these.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.problems.iter().map(|problem| problem.line(&self.file)).collect();
        if self.more {
            let count = self.problems.len();
            lines.push(format!("{}: and more; these are the first {count}", self.file));
        }
        lines
    }
}

impl Problem {
    fn line(&self, file: &str) -> String {
        let place = match self.position {
            Some((line, column)) => format!("{file}:{line}:{column}"),
            None => file.to_owned(),
        };
        if self.path == KeyPath::root() {
            format!("{place}: {}", self.message)
        } else {
            format!("{place}: {}: {}", self.path, self.message)
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_lines().join("\n"))
    }
}

impl std::error::Error for Errors {}
