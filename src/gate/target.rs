//! Parses the request target: the bytes that are authorized are the bytes that are forwarded.
//!
//! A path is never normalized. What an upstream could interpret differently is refused, because a difference between
//! two interpretations is how a protected path gets served as a public one. Where a route allows such spellings, every
//! [reading](readings) of the path has to lead to that route.

mod escapes;
mod readings;

use std::borrow::Cow;

use super::{denial::Malformed, rules::spelling::Unusual};

/// A target that is unambiguous, apart from spellings that a route can allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path as it will be forwarded.
    raw: &'a str,
    /// The decoded path, which routes match. An encoded slash stays `%2F`, so that it never separates segments.
    path: Cow<'a, str>,
    /// Spellings in it that only some routes allow.
    unusual: Unusual,
    /// Whether it has escapes of characters that need none, which servers that compare raw paths do not decode.
    needless_escape: bool,
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
        let raw = std::str::from_utf8(path).map_err(|_| Malformed::ControlByte)?;
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
        let mut needless_escape = false;
        let path = if escaped {
            Cow::Owned(decode(path, &mut unusual, &mut needless_escape)?)
        } else {
            Cow::Borrowed(raw)
        };
        if has_dot_segment(raw) {
            return Err(Malformed::DotSegment);
        }
        Ok(Self {
            raw,
            path,
            unusual,
            needless_escape,
        })
    }

    /// Whether it is the target of `OPTIONS *`, which no route matches.
    pub fn asterisk() -> Self {
        Self {
            raw: "*",
            path: Cow::Borrowed("*"),
            unusual: Unusual::default(),
            needless_escape: false,
        }
    }

    /// The path for matching.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether every path that a server could read here is `accepted`. At once true for a usual path, whose only reading
    /// is [`path`](Self::path).
    pub fn every_reading(&self, accepted: impl FnMut(&str) -> bool) -> bool {
        !self.is_ambiguous() || readings::all(escapes::forms(self.raw, self.needless_escape), accepted)
    }

    /// The same for what is left of the path without `prefix`, given to `accepted` without it.
    ///
    /// False also if the raw path does not start with the prefix at a slash, because part of it is percent-encoded; and if
    /// what is left begins with two slashes: as a target, that is a host and a path (RFC 3986 section 4.2).
    pub fn every_reading_below(&self, prefix: &str, accepted: impl FnMut(&str) -> bool) -> bool {
        let Some(rest) = self.raw.strip_prefix(prefix.trim_end_matches('/')) else {
            return false;
        };
        match rest.as_bytes() {
            [] => true,
            [b'/', b'/', ..] => false,
            [b'/', ..] => !self.is_ambiguous() || readings::all(escapes::forms(rest, self.needless_escape), accepted),
            _ => false,
        }
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

    /// The reason to refuse a path whose readings differ.
    pub fn ambiguity(&self) -> Malformed {
        self.beyond(Unusual::default()).unwrap_or(Malformed::NeedlessEscape)
    }

    fn is_ambiguous(&self) -> bool {
        self.needless_escape || self.unusual != Unusual::default()
    }
}

fn decode(path: &[u8], unusual: &mut Unusual, needless: &mut bool) -> Result<String, Malformed> {
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
            other => {
                *needless |= escapes::is_needless(other);
                out.push(other);
            }
        }
    }
    // Overlong and surrogate encodings of `/` and `.` are not UTF-8, and are refused here.
    String::from_utf8(out).map_err(|_| Malformed::BadEscape)
}

/// Whether any reading of the path has a segment `.` or `..`: `/a/..;/b` and `/a%2F..%2Fb` are path traversal on servers
/// that cut parameters or decode slashes. A step of theirs only shortens segments, or ends them earlier.
fn has_dot_segment(raw: &str) -> bool {
    let path = raw.as_bytes();
    memchr::memchr2_iter(b'/', b'%', path).any(|at| {
        let rest = &path[at..];
        let segment = rest.strip_prefix(b"/").or_else(|| without_escape(rest, *b"%2F"));
        let dotted = segment.and_then(|segment| segment.strip_prefix(b"."));
        dotted.is_some_and(|rest| ends_name(rest) || rest.strip_prefix(b".").is_some_and(ends_name))
    })
}

fn ends_name(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'/' | b';', ..])
        || [*b"%2F", *b"%3B"]
            .into_iter()
            .any(|escape| without_escape(rest, escape).is_some())
}

/// The rest behind an escape, whose digits can be in either case.
fn without_escape(rest: &[u8], escape: [u8; 3]) -> Option<&[u8]> {
    let (found, rest) = rest.split_first_chunk::<3>()?;
    found.eq_ignore_ascii_case(&escape).then_some(rest)
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
    fn escapes_are_decoded_for_matching() {
        assert_eq!(Target::read(b"/%61dmin/%C3%A9?q=%2e").unwrap().path(), "/admin/é");
    }
}

#[cfg(test)]
mod properties;
