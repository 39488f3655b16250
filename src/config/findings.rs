//! Collects the mistakes that reading and checking find, so that an operator can correct all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::path::{KeyPath, Segment};

/// The most problems, and the most warnings, that are reported: with more it is probably the wrong file, and the first ones would scroll away.
pub(super) const MOST_PROBLEMS: usize = 100;

/// Problems and warnings so far, with paths in the file as it was written.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<(KeyPath, String)>,
    pub(super) warnings: Vec<(KeyPath, String)>,
    /// Whether there were more problems than are kept.
    pub(super) more: bool,
    /// Whether there were more warnings than are kept.
    pub(super) more_warnings: bool,
    /// Keys that are missing because they are misspelt beside: one mistake must not cause two lines.
    misspelt: BTreeSet<KeyPath>,
    /// List elements that were removed because they are malformed: list → positions in the file. Later elements have moved up.
    taken_out: BTreeMap<KeyPath, BTreeSet<usize>>,
}

impl Findings {
    /// Records a problem with the value at `path`.
    ///
    /// Dropped if there is a problem at, above or below `path` already: a malformed value was removed, so that it would also be
    /// reported as missing.
    pub(super) fn add(&mut self, path: &KeyPath, message: impl Into<String>) {
        let path = self.as_written(path);
        if self.misspelt.contains(&path) || self.problems.iter().any(|(known, _)| known.overlaps(&path)) {
            return;
        }
        if self.problems.len() >= MOST_PROBLEMS {
            self.more = true;
            return;
        }
        self.problems.push((path, message.into()));
    }

    /// Records that the unknown key at `path` was probably meant to be `meant`.
    pub(super) fn misspelt(&mut self, path: &KeyPath, meant: &str) {
        if let Some((parent, _)) = self.as_written(path).split_last() {
            self.misspelt.insert(parent.key(meant));
        }
    }

    /// Records a warning about something that is valid but probably not intended.
    pub(super) fn warn(&mut self, path: &KeyPath, message: impl Into<String>) {
        // Each costs a parse, to find its line: ten thousand would take minutes.
        if self.warnings.len() >= MOST_PROBLEMS {
            self.more_warnings = true;
            return;
        }
        let path = self.as_written(path);
        self.warnings.push((path, message.into()));
    }

    /// Records `expected …, got …`.
    pub(super) fn expected(&mut self, path: &KeyPath, expected: impl Display, got: impl Display) {
        self.add(path, format!("expected {expected}, got {got}"));
    }

    /// The value of a required key; a missing one is recorded.
    pub(super) fn required<'a, T>(&mut self, path: &KeyPath, value: Option<&'a T>) -> Option<&'a T> {
        if value.is_none() {
            self.add(path, "is required");
        }
        value
    }

    /// Checks that a number is in `range`.
    pub(super) fn range(&mut self, path: &KeyPath, value: u64, range: RangeInclusive<u64>) {
        if range.contains(&value) {
            return;
        }
        let (low, high) = range.into_inner();
        if high == u64::MAX {
            self.expected(path, format_args!("{low} or more"), value);
        } else {
            self.expected(path, format_args!("{low} to {high}"), value);
        }
    }

    /// Checks that a value with a unit is in `range`.
    pub(super) fn range_of<T: PartialOrd + Display>(&mut self, path: &KeyPath, value: &T, range: &RangeInclusive<T>) {
        if !range.contains(value) {
            self.expected(path, format_args!("{} to {}", range.start(), range.end()), value);
        }
    }

    /// Records that the element `index` (of the current list) was removed from `list`.
    pub(super) fn take_out(&mut self, list: &KeyPath, index: usize) {
        let written = self.as_written(&list.index(index));
        if let Some((list, Segment::Index(index))) = written.split_last() {
            self.taken_out.entry(list).or_default().insert(*index);
        }
    }

    /// Converts a path in the remaining tree to the path in the file as it was written.
    pub(super) fn as_written(&self, path: &KeyPath) -> KeyPath {
        let mut written = KeyPath::root();
        for segment in path.segments() {
            written = match segment {
                Segment::Key(key) => written.key(key),
                Segment::Index(index) => {
                    let mut original = *index;
                    for gone in self.taken_out.get(&written).into_iter().flatten() {
                        if *gone <= original {
                            original += 1;
                        }
                    }
                    written.index(original)
                }
            };
        }
        written
    }
}

/// The one of `known` that `word` is probably a misspelling of.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&folded, &fold(name)), name))
        .filter(|(likeness, _)| *likeness >= 0.82)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// Ignores case, and treats `-` like `_`.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// ` (did you mean `x`?)` when one of `known` is close to `word`, else nothing.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, known)
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_number_after_earlier_elements_were_taken_out() {
        let list = KeyPath::root().key("routes");
        let mut findings = Findings::default();
        findings.take_out(&list, 1);
        findings.take_out(&list, 1);
        assert_eq!(findings.as_written(&list.index(0)).to_string(), "routes[0]");
        assert_eq!(findings.as_written(&list.index(1)).to_string(), "routes[3]");
        findings.take_out(&list, 0);
        assert_eq!(findings.as_written(&list.index(0)).to_string(), "routes[3]");
    }

    #[test]
    fn a_complaint_inside_something_already_wrong_is_dropped() {
        let mut findings = Findings::default();
        findings.add(&KeyPath::root().key("auth"), "one");
        findings.add(&KeyPath::root().key("auth").key("secret"), "two");
        findings.add(&KeyPath::root().key("store"), "three");
        assert_eq!(findings.problems.len(), 2);
    }

    #[test]
    fn suggestions_are_made_for_typing_mistakes_and_not_for_other_words() {
        let known = ["upstream", "rate_limits", "access"];
        assert_eq!(did_you_mean("upstraem", known), " (did you mean `upstream`?)");
        assert_eq!(did_you_mean("rate-limits", known), " (did you mean `rate_limits`?)");
        assert_eq!(did_you_mean("banana", known), "");
    }
}
