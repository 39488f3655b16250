//! What is wrong with a configuration: all of it at once, each problem with its place.

use std::fmt;

use super::KeyPath;

/// Everything that keeps a configuration from being used, sorted by position in the file.
///
/// Prints one line per problem, `sidegate.yaml:12:5: routes[3].access: expected …, got …`. No message ever holds the value
/// of a secret or of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    pub(super) file: String,
    pub(super) problems: Vec<Problem>,
    /// Whether some were left out because there are so many.
    pub(super) more: bool,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the structure.
    pub path: KeyPath,
    /// Where in the text, when it is known: line and column, both from 1.
    pub position: Option<(usize, usize)>,
    /// What is wrong and, where it can be said, what would be right.
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

    /// A problem with the file as a whole: it cannot be opened, it is not UTF-8.
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

    /// The problems, in the order in which they are printed.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Errors {
    /// One line per problem.
    pub(super) fn to_lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| problem.line(&self.file)).collect()
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
        f.write_str(&self.to_lines().join("\n"))?;
        if self.more {
            write!(
                f,
                "\n{}: and more; these are the first {}",
                self.file,
                self.problems.len()
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
