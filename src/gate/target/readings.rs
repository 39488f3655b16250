//! What servers make of one path: every reading of it that a common application could route by.
//!
//! A server takes some of the steps below, in an order of its own, and some take a step twice because two layers take
//! it each (a container and its framework). Tomcat cuts parameters before it decodes, nginx decodes before it merges
//! slashes, Fastify takes everything from the first `;` for a query. So the readings are all that can be reached with
//! these steps in any order; `docs/paths.md` says which server takes which.
//!
//! A reading is used to find a route and is never forwarded.

/// The most readings that are looked at. Paths that applications need have a handful; one that mixes all spellings, in
/// dozens of places, can have a thousand, and is refused before it costs a millisecond.
const MOST: usize = 200;
/// The most bytes of readings that are looked at, for the same reason: a path can be as long as a header block.
const MOST_BYTES: usize = 256 * 1024;

/// A step of a server. `None` if it would change nothing.
type Step = fn(&str) -> Option<String>;

const STEPS: [Step; 6] = [
    slashes_decoded,
    semicolons_decoded,
    slashes_merged,
    parameters_cut,
    cut_at_the_first_parameter,
    last_parameter_cut,
];

/// Whether `accept` accepts every reading of a path, whose [`forms`](super::escapes::forms) are given. Stops at the first one that
/// it does not accept.
pub(super) fn all(forms: impl IntoIterator<Item = String>, mut accept: impl FnMut(&str) -> bool) -> bool {
    let mut found = Vec::new();
    for form in forms {
        insert(&mut found, form);
    }
    if !follow(&mut found, 0, &mut accept) {
        return false;
    }
    // At any point of the way, but once: no server takes two hosts out of a target.
    let with_host = found.len();
    for index in 0..with_host {
        for rest in hosts_removed(&found[index]).into_iter().flatten() {
            insert(&mut found, rest);
        }
    }
    follow(&mut found, with_host, &mut accept)
}

/// Takes every step from every path from `first` on, and from those that are found by that.
fn follow(found: &mut Vec<String>, first: usize, accept: &mut impl FnMut(&str) -> bool) -> bool {
    let mut bytes: usize = found.iter().map(String::len).sum();
    let mut next = first;
    while next < found.len() {
        if found.len() > MOST || bytes > MOST_BYTES || !accept(&found[next]) {
            return false;
        }
        for step in STEPS {
            if let Some(other) = step(&found[next]) {
                bytes += insert(found, other);
            }
        }
        next += 1;
    }
    true
}

/// Adds a path if it is new, and returns the number of bytes that were added.
fn insert(found: &mut Vec<String>, path: String) -> usize {
    if found.contains(&path) {
        return 0;
    }
    let bytes = path.len();
    found.push(path);
    bytes
}

/// `/a%2Fb` → `/a/b`: nginx, WSGI servers, PHP, Tomcat with `encodedSolidusHandling="decode"`.
fn slashes_decoded(path: &str) -> Option<String> {
    path.contains("%2F").then(|| path.replace("%2F", "/"))
}

/// `/a%3Bb` → `/a;b`: a server that decodes in front of a layer that cuts parameters.
fn semicolons_decoded(path: &str) -> Option<String> {
    path.contains("%3B").then(|| path.replace("%3B", ";"))
}

/// `//a///b` → `/a/b`: nginx, Tomcat, Undertow, `URLMap` of Rack.
fn slashes_merged(path: &str) -> Option<String> {
    if !path.contains("//") {
        return None;
    }
    let mut merged = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    Some(merged)
}

/// `/a;x/b;y/c` → `/a/b/c`: Tomcat, Jetty, Undertow, Spring.
fn parameters_cut(path: &str) -> Option<String> {
    if !path.contains(';') {
        return None;
    }
    let mut cut = String::with_capacity(path.len());
    for segment in path.split_inclusive('/') {
        match segment.split_once(';') {
            Some((name, rest)) => {
                cut.push_str(name);
                cut.extend(rest.ends_with('/').then_some('/'));
            }
            None => cut.push_str(segment),
        }
    }
    Some(cut)
}

/// `/a;x/b` → `/a`: Fastify, and Spring before 3.1.
fn cut_at_the_first_parameter(path: &str) -> Option<String> {
    path.split_once(';').map(|(before, _)| before.to_owned())
}

/// `/a;x/b;y` → `/a;x/b`: `urlparse` of Python.
fn last_parameter_cut(path: &str) -> Option<String> {
    let last = path.rfind('/').unwrap_or_default();
    path[last..].find(';').map(|at| path[..last + at].to_owned())
}

/// `//a/b` → `/b`: applications that resolve the target as a URL reference (`new URL` of JavaScript, `urlsplit` of
/// Python, `parse_url` of PHP), for which two slashes begin a host. To `new URL` more than two are the same.
fn hosts_removed(path: &str) -> [Option<String>; 2] {
    let Some(rest) = path.strip_prefix("//") else {
        return [None, None];
    };
    let behind = |rest: &str| rest.find('/').map_or("/", |slash| &rest[slash..]).to_owned();
    let trimmed = rest.trim_start_matches('/');
    [
        Some(behind(rest)),
        (trimmed.len() < rest.len()).then(|| behind(trimmed)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(path: &str) -> Vec<String> {
        let mut readings = Vec::new();
        assert!(all([path.to_owned()], |reading| {
            readings.push(reading.to_owned());
            true
        }));
        readings
    }

    fn assert_reads(path: &str, as_one_of: &[&str]) {
        let readings = readings(path);
        for reading in as_one_of {
            assert!(
                readings.iter().any(|found| found == reading),
                "{reading} not in {readings:?}"
            );
        }
    }

    #[test]
    fn a_plain_path_has_one_reading() {
        assert_eq!(readings("/admin/x"), ["/admin/x"]);
    }

    #[test]
    fn a_parameter_is_cut_before_or_after_the_slash_in_it_is_decoded() {
        assert_reads(
            "/;a%2Fx/admin/users",
            &["//admin/users", "/admin/users", "//x/admin/users", "/x/admin/users"],
        );
    }

    #[test]
    fn an_encoded_semicolon_is_decoded_before_or_after_parameters_are_cut() {
        assert_reads("/a%3Bx;y/b", &["/a%3Bx/b", "/a;x/b", "/a/b"]);
    }

    #[test]
    fn a_parameter_ends_its_segment_or_the_path() {
        assert_reads("/a;x/b;y", &["/a/b", "/a", "/a;x/b"]);
    }

    #[test]
    fn slashes_in_front_begin_a_host() {
        assert_reads("//a/b", &["//a/b", "/a/b", "/b"]);
        assert_reads("///a/b", &["///a/b", "/a/b", "/b"]);
        assert_reads("/%2Fa/b", &["/b"]);
        assert_reads("//a", &["/"]);
        assert!(!readings("//a//b/c").contains(&"/c".to_owned()), "one host");
    }

    #[test]
    fn a_slash_at_the_end_stays() {
        assert_reads("/a;x/", &["/a/"]);
        assert_reads("/a//", &["/a/"]);
    }

    #[test]
    fn a_path_with_all_spellings_in_many_places_is_refused_before_it_costs_much() {
        for path in [
            "/a;b%2Fc//%3Bd".repeat(2_000),
            "////%2F//a/%3B/a%2Faa%2F%3Ba%2F;/;;%2F//a%3B//a%3B/;%2Fa/%3Ba;%2F".repeat(2),
        ] {
            let (mut readings, mut bytes) = (0, 0);
            assert!(!all([path], |reading| {
                readings += 1;
                bytes += reading.len();
                true
            }));
            assert!(readings <= MOST && bytes <= MOST_BYTES, "{readings} of {bytes} bytes");
        }
    }

    #[test]
    fn a_long_path_with_some_of_them_passes() {
        for path in [
            "/proxy//a%2Fb".repeat(300),
            "/a;v=1".repeat(1_000),
            "%2Fa".repeat(2_000),
        ] {
            assert!(all([path], |_| true));
        }
    }

    #[test]
    fn the_first_reading_that_is_not_accepted_ends_the_search() {
        let mut asked = 0;
        assert!(!all(["/a;x".to_owned()], |reading| {
            asked += 1;
            reading != "/a"
        }));
        assert_eq!(asked, 2);
    }
}
