//! Parses the request target: the bytes that are authorized are the bytes that are forwarded.
//!
//! A path is never normalized. What an upstream could interpret differently is refused, because a difference between
//! two interpretations is how a protected path gets served as a public one.

use std::borrow::Cow;

use super::{denial::Malformed, rules::spelling::Unusual};

/// A target that is unambiguous, apart from spellings that a route can allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// The decoded path, which routes match. An encoded slash stays `%2F`, so that it never separates segments.
    path: Cow<'a, str>,
    /// Spellings in it that only some routes allow.
    unusual: Unusual,
    /// The path as a lenient upstream would interpret it, if that differs.
    lenient: Option<String>,
}

impl<'a> Target<'a> {
    /// Parses the raw bytes that will be forwarded: path and query of the request line.
    ///
    /// # Errors
    /// The first part that an upstream could interpret differently.
    pub fn read(raw: &'a [u8]) -> Result<Self, Malformed> {
        if raw.first() != Some(&b'/') {
            return Err(Malformed::TargetNotAbsolute);
        }
        let (path, query) = match raw.iter().position(|&b| b == b'?') {
            Some(at) => (&raw[..at], &raw[at + 1..]),
            None => (raw, &raw[..0]),
        };
        if query.iter().any(|&b| b <= b' ' || b == b'#' || b >= 0x7f) {
            return Err(Malformed::ControlByte);
        }
        let plain = std::str::from_utf8(path).map_err(|_| Malformed::ControlByte)?;
        let mut unusual = Unusual::default();
        let mut escaped = false;
        let mut previous = 0;
        for &byte in path {
            match byte {
                0..=b' ' | 0x7f.. | b'#' => return Err(Malformed::ControlByte),
                b'\\' => return Err(Malformed::Backslash),
                b';' => unusual.semicolon = true,
                b'%' => escaped = true,
                b'/' if previous == b'/' => unusual.double_slash = true,
                _ => {}
            }
            previous = byte;
        }
        let path = if escaped {
            Cow::Owned(decode(path, &mut unusual)?)
        } else {
            Cow::Borrowed(plain)
        };
        let lenient = (unusual != Unusual::default()).then(|| lenient(&path));
        // Dot segments are also searched for in the lenient interpretation: `/a/..;/b` and `/a%2F..%2Fb` are path
        // traversal on lenient servers.
        if [Some(path.as_ref()), lenient.as_deref()]
            .into_iter()
            .flatten()
            .any(has_dot_segment)
        {
            return Err(Malformed::DotSegment);
        }
        Ok(Self { path, unusual, lenient })
    }

    /// Whether it is the target of `OPTIONS *`, which no route matches.
    pub fn asterisk() -> Self {
        Self {
            path: Cow::Borrowed("*"),
            unusual: Unusual::default(),
            lenient: None,
        }
    }

    /// The path for matching.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path as an upstream interprets it that merges slashes, removes parameters and decodes `%2F`, if that
    /// differs.
    pub fn lenient_path(&self) -> Option<&str> {
        self.lenient.as_deref()
    }

    /// The first ambiguous spelling that `tolerated` does not allow.
    pub fn beyond(&self, tolerated: Unusual) -> Option<Malformed> {
        if self.unusual.encoded_slash && !tolerated.encoded_slash {
            Some(Malformed::EncodedSlash)
        } else if self.unusual.semicolon && !tolerated.semicolon {
            Some(Malformed::Semicolon)
        } else if self.unusual.double_slash && !tolerated.double_slash {
            Some(Malformed::DoubleSlash)
        } else {
            None
        }
    }
}

fn decode(path: &[u8], unusual: &mut Unusual) -> Result<String, Malformed> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = match tail {
            [high, low, ..] => (*high, *low),
            _ => return Err(Malformed::BadEscape),
        };
        let (Some(high), Some(low)) = ((high as char).to_digit(16), (low as char).to_digit(16)) else {
            return Err(Malformed::BadEscape);
        };
        rest = &tail[2..];
        let decoded = u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte");
        match decoded {
            b'/' => {
                unusual.encoded_slash = true;
                out.extend_from_slice(b"%2F");
            }
            b'%' => return Err(Malformed::EncodedPercent),
            b'.' => return Err(Malformed::DotSegment),
            b'\\' => return Err(Malformed::Backslash),
            0..=0x1f | 0x7f => return Err(Malformed::ControlByte),
            b';' => {
                unusual.semicolon = true;
                out.push(b';');
            }
            other => out.push(other),
        }
    }
    // Overlong and surrogate encodings of `/` and `.` are not UTF-8, and are refused here.
    String::from_utf8(out).map_err(|_| Malformed::BadEscape)
}

/// `/a//b;x=1/c%2Fd` → `/a/b/c/d`.
fn lenient(path: &str) -> String {
    let slashes = path.replace("%2F", "/");
    let mut out = String::with_capacity(slashes.len());
    for segment in slashes.split('/') {
        let bare = segment.split(';').next().unwrap_or_default();
        if !bare.is_empty() {
            out.push('/');
            out.push_str(bare);
        }
    }
    if out.is_empty() || slashes.ends_with('/') {
        out.push('/');
    }
    out
}

fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The raw target without `prefix`, cut at a slash; `None` if the raw bytes do not start with it, because it is
/// percent-encoded in them.
pub fn without_prefix(target: &[u8], prefix: &str) -> Option<Box<[u8]>> {
    let rest = target.strip_prefix(prefix.trim_end_matches('/').as_bytes())?;
    match rest.first() {
        Some(b'/') => Some(rest.into()),
        None | Some(b'?') => Some([b"/", rest].concat().into()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_cut_at_a_slash() {
        let cut = |target: &str| {
            without_prefix(target.as_bytes(), "/wiki").map(|rest| String::from_utf8(rest.into()).unwrap())
        };
        assert_eq!(cut("/wiki/a?b").as_deref(), Some("/a?b"));
        assert_eq!(cut("/wiki").as_deref(), Some("/"));
        assert_eq!(cut("/wiki?b").as_deref(), Some("/?b"));
        assert_eq!(cut("/wikipedia"), None);
        assert_eq!(cut("/%77iki/a"), None);
    }

    fn refusal(raw: &str) -> Malformed {
        Target::read(raw.as_bytes()).unwrap_err()
    }

    fn beyond(raw: &str) -> Option<Malformed> {
        Target::read(raw.as_bytes()).unwrap().beyond(Unusual::default())
    }

    #[test]
    fn a_target_without_a_leading_slash_is_refused() {
        for raw in [
            "",
            "admin",
            "\\admin",
            "?/admin",
            ":80/admin",
            "@other.test/",
            "http://a/b",
            "*",
        ] {
            assert_eq!(refusal(raw), Malformed::TargetNotAbsolute, "{raw}");
        }
    }

    #[test]
    fn dot_segments_are_refused_in_every_spelling() {
        for raw in [
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/a/.%2E/b",
            "/..;/b",
            "/..;x/b",
            "/a%2f..%2fb",
            "/a/..;x=1",
            "/a/..%3Bx",
        ] {
            assert_eq!(refusal(raw), Malformed::DotSegment, "{raw}");
        }
    }

    #[test]
    fn dots_that_are_part_of_a_name_pass() {
        for raw in ["/.well-known/x", "/a.b", "/a..b", "/...", "/a/..b/c"] {
            assert_eq!(beyond(raw), None, "{raw}");
        }
    }

    #[test]
    fn bytes_that_servers_read_differently_are_refused() {
        assert_eq!(refusal("/a\\b"), Malformed::Backslash);
        assert_eq!(refusal("/a%5cb"), Malformed::Backslash);
        assert_eq!(refusal("/a%00"), Malformed::ControlByte);
        assert_eq!(refusal("/a%0d%0a"), Malformed::ControlByte);
        assert_eq!(refusal("/a#b"), Malformed::ControlByte);
        assert_eq!(refusal("/a?b#c"), Malformed::ControlByte);
        assert_eq!(refusal("/a%252e"), Malformed::EncodedPercent);
        for raw in ["/%", "/%2", "/%zz", "/%c0%af", "/%c0%ae%c0%ae/x", "/%ff", "/%ed%a0%80"] {
            assert_eq!(refusal(raw), Malformed::BadEscape, "{raw}");
        }
    }

    #[test]
    fn what_a_route_may_tolerate_is_named() {
        assert_eq!(beyond("/a%2fb"), Some(Malformed::EncodedSlash));
        assert_eq!(beyond("/a;v=1"), Some(Malformed::Semicolon));
        assert_eq!(beyond("/a%3Bv"), Some(Malformed::Semicolon));
        assert_eq!(beyond("//a"), Some(Malformed::DoubleSlash));
        assert_eq!(beyond("/a?x=//;%2f"), None, "the query is not judged");
    }

    #[test]
    fn the_lenient_reading_is_what_a_careless_server_would_serve() {
        let read = |raw: &'static str| Target::read(raw.as_bytes()).unwrap().lenient.unwrap();
        assert_eq!(read("//admin"), "/admin");
        assert_eq!(read("/a;x/b"), "/a/b");
        assert_eq!(read("/a%2Fb/"), "/a/b/");
        assert_eq!(read("//"), "/");
    }

    #[test]
    fn escapes_are_decoded_for_matching() {
        assert_eq!(Target::read(b"/%61dmin/%C3%A9?q=%2e").unwrap().path(), "/admin/é");
    }
}

#[cfg(test)]
mod properties;
