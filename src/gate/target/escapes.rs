//! Percent-encoding in a path (RFC 3986 section 2.1): what servers decode, and what some of them leave as it is.
//!
//! `/` and `;` stay encoded in all forms, because decoding them changes what a path is; the
//! [readings](super::readings) do that in every order.

/// How much of a path a server decodes before it routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoded {
    /// Everything: Tomcat, nginx, WSGI servers.
    All,
    /// Everything but the reserved characters: `decodeURI` of JavaScript, and so Fastify.
    Unreserved,
    /// Only what cannot be in a path otherwise; routes are written with such characters, as a server that compares raw
    /// paths writes them encoded: Express, Puma, axum.
    Necessary,
}

/// The path in each form that servers route by, without duplicates where no escape makes a difference. `path` has valid
/// escapes.
pub(super) fn forms(path: &str, needless: bool) -> Vec<String> {
    let all = [Decoded::All, Decoded::Unreserved, Decoded::Necessary];
    let forms = if needless { &all[..] } else { &all[..1] };
    forms.iter().map(|&how| decode(path, how)).collect()
}

/// Whether this byte could be in a path without an escape (`pchar` of RFC 3986 section 3.3), so that servers that
/// compare raw paths take its escape for something else.
pub(super) fn is_needless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

fn keeps(how: Decoded, byte: u8) -> bool {
    match how {
        _ if byte == b'/' || byte == b';' => true,
        Decoded::All => false,
        Decoded::Unreserved => b"?:@&=+$,#".contains(&byte),
        Decoded::Necessary => is_needless(byte),
    }
}

fn decode(path: &str, how: Decoded) -> String {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| byte == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(decoded) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            out.push(byte);
            rest = tail;
            continue;
        };
        if keeps(how, decoded) {
            out.extend(format!("%{decoded:02X}").into_bytes());
        } else {
            out.push(decoded);
        }
        rest = &tail[2..];
    }
    // All escapes together were UTF-8 when the target was read; without some of the ASCII ones they still are.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_wholly_or_in_part() {
        assert_eq!(
            forms("/%61%40%c3%a9%2f%3bb", true),
            ["/a@é%2F%3Bb", "/a%40é%2F%3Bb", "/%61%40é%2F%3Bb"]
        );
    }

    #[test]
    fn an_escape_that_is_needed_is_decoded_by_all() {
        assert_eq!(forms("/a%20%c3%a9", false), ["/a é"]);
        for byte in [b' ', b'"', b'<', b'>', b'^', b'`', b'{', b'|', b'}', 0xc3] {
            assert!(!is_needless(byte), "{byte}");
        }
    }
}
