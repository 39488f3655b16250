//! Cycles between files: two files that depend on each other can only be read, tested and moved together.
//!
//! A file depends on another if its code names an item that is defined there, through any number of re-exports. `mod`
//! declarations, re-exports of a file's own children, and code that is compiled for tests only do not count. A method
//! call names nothing, so an `impl` block belongs into the file of its type.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use super::names::{Names, Source};

/// The files, each with the files it depends on and the names that it uses.
pub(super) type Knows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Each file of `sources` with its dependencies.
pub(super) fn knows(sources: &[Source]) -> Knows {
    let names = Names::read(sources);
    let mut all = Knows::new();
    for (file, reference) in names.references() {
        for (other, name) in names.defined(reference) {
            if other != file {
                let known = all.entry(file.to_owned()).or_default();
                known.entry(other.to_owned()).or_default().insert(name);
            }
        }
    }
    all
}

/// A shortest cycle through each file that is in one, each cycle once, as text.
pub(super) fn circles(knows: &Knows) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut told = Vec::new();
    for file in knows.keys() {
        let Some(circle) = circle_through(file, knows) else {
            continue;
        };
        let mut members = circle.clone();
        members.sort_unstable();
        if seen.insert(members) {
            told.push(tell(&circle, knows));
        }
    }
    told
}

/// The files of a shortest path from `start` back to it.
fn circle_through<'k>(start: &'k str, knows: &'k Knows) -> Option<Vec<&'k str>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for other in knows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if other == start {
                let mut way = vec![file];
                while let Some(previous) = before.get(way[way.len() - 1]) {
                    way.push(previous);
                }
                way.reverse();
                return Some(way);
            }
            if !before.contains_key(other.as_str()) {
                before.insert(other.as_str(), file);
                waiting.push_back(other);
            }
        }
    }
    None
}

fn tell(circle: &[&str], knows: &Knows) -> String {
    let mut told = String::new();
    for (index, file) in circle.iter().enumerate() {
        let next = circle[(index + 1) % circle.len()];
        let names = knows[*file][next].iter().map(String::as_str).collect::<Vec<_>>();
        let _ = write!(told, "{file} uses {} of ", names.join(", "));
    }
    told + circle[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        });
        circles(&knows(&sources.collect::<Vec<_>>()))
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let a = ("a.rs", "use crate::b::B; pub struct A(B);");
        let b = ("b.rs", "pub struct B; fn f(_: &crate::a::A) {}");
        assert_eq!(found(&[a, b]), ["a.rs uses B of b.rs uses A of a.rs"]);
        let no_use = ("b.rs", "pub struct B; fn f(_: &A) {}");
        assert!(found(&[a, no_use]).is_empty());
    }

    #[test]
    fn a_circle_of_three_is_reported_once_from_its_first_file() {
        let files = [
            ("a.rs", "fn a() { crate::b::b(); }"),
            ("b.rs", "use crate::c::C as D; pub fn b() -> D { D }"),
            ("c.rs", "pub struct C; impl C { fn f() { crate::d::d() } }"),
            (
                "d.rs",
                "use super::{a::{self, X}, e}; pub fn d() { e::e(); let _ = X; }",
            ),
            ("e.rs", "pub fn e() {}"),
        ];
        let with_x = [("a.rs", "pub const X: u8 = 0; fn a() { crate::b::b(); }")];
        assert!(found(&files).is_empty(), "a.rs has no X");
        let files = [&with_x[..], &files[1..]].concat();
        assert_eq!(
            found(&files),
            ["a.rs uses b of b.rs uses C of c.rs uses d of d.rs uses X of a.rs"]
        );
    }

    #[test]
    fn a_child_that_uses_its_parents_items_while_the_parent_uses_it_is_a_circle() {
        let parent = ("a.rs", "mod b; pub struct A; fn f() { b::b(); }");
        let child = ("a/b.rs", "pub fn b() { super::A; }");
        assert_eq!(found(&[parent, child]), ["a.rs uses b of a/b.rs uses A of a.rs"]);
        let glob = ("a/b.rs", "use super::*; pub fn b() { A; }");
        assert_eq!(found(&[parent, glob]), ["a.rs uses b of a/b.rs uses A, f of a.rs"]);
    }

    #[test]
    fn neither_a_declaration_nor_a_re_export_of_a_child_is_knowledge() {
        let child = ("a/b.rs", "use super::A; pub struct B(A);");
        for parent in ["mod b; pub struct A;", "mod b; pub use self::b::B; pub struct A;"] {
            assert!(found(&[("a.rs", parent), child]).is_empty(), "{parent}");
        }
        for parent in [
            "mod b; use self::b::B; pub struct A;",
            "mod b; pub use self::b::B; pub struct A; fn f() { B::new() }",
            "mod b; pub use self::b::B; pub struct A; fn f() { vec![B::new()] }",
        ] {
            assert_eq!(found(&[("a.rs", parent), child]).len(), 1, "{parent}");
        }
    }

    #[test]
    fn a_name_is_followed_through_re_exports_to_the_file_that_defines_it() {
        let files = [
            ("a.rs", "mod b; mod c; pub use self::b::*;"),
            ("a/b.rs", "pub use super::c::{C as Renamed};"),
            ("a/c.rs", "pub enum C { D } fn f() { crate::x::x() }"),
        ];
        let user = ("x.rs", "pub fn x() -> crate::a::Renamed { crate::a::Renamed::D }");
        assert_eq!(
            found(&[&files[..], &[user]].concat()),
            ["a/c.rs uses x of x.rs uses C of a/c.rs"]
        );
        let other = ("x.rs", "pub fn x() -> crate::a::Other {}");
        assert!(found(&[&files[..], &[other]].concat()).is_empty());
    }

    #[test]
    fn what_is_compiled_for_tests_only_does_not_count() {
        let b = ("b.rs", "pub struct B; fn f(_: &crate::a::A) {}");
        for (a, circles) in [
            ("pub struct A; #[cfg(test)] mod tests { use crate::b::B; }", 0),
            ("pub struct A; #[cfg(test)] fn f(_: crate::b::B) {}", 0),
            ("pub struct A; impl A { #[cfg(test)] fn f(_: crate::b::B) {} }", 0),
            ("pub struct A; #[cfg(not(test))] fn f(_: crate::b::B) {}", 1),
            ("pub struct A; mod inner { use crate::b::B; }", 1),
        ] {
            assert_eq!(found(&[("a.rs", a), b]).len(), circles, "{a}");
        }
        let tests = ("a/tests.rs", "use crate::b::B;");
        let more = ("a/tests/more.rs", "use crate::b::B;");
        let a = ("a.rs", "pub struct A; #[cfg(test)] mod tests;");
        let b = ("b.rs", "pub struct B; use crate::a::tests::T;");
        assert!(found(&[a, b, tests, more]).is_empty());
    }

    #[test]
    fn names_in_macros_and_in_attributes_count() {
        let b = ("b.rs", "pub fn b() {} pub struct B; fn f(_: &crate::a::A) {}");
        for a in [
            "pub struct A; fn f() { assert!(true, \"{}\", crate::b::b()); }",
            "pub struct A { #[serde(with = \"crate::b::b\")] b: u8 }",
        ] {
            assert_eq!(found(&[("a.rs", a), b]).len(), 1, "{a}");
        }
        let text = "/// See [`crate::b::b`].\npub struct A; const C: &str = \"crate::b::b\";";
        assert!(found(&[("a.rs", text), b]).is_empty());
    }
}
