//! The redirect of a browser to the login page, with the path to return to.

use std::fmt::Write as _;

/// The URL of the login page for a browser that asked for `target`.
///
/// Without `return_to` if the target is not plainly a path: the login page sends the browser there after the sign-in, and
/// to a browser `//evil.test/` is another host (an open redirect).
pub(super) fn location(login_url: &str, target: &[u8]) -> String {
    let mut location = login_url.to_owned();
    if !is_path(target) {
        return location;
    }
    location.push(if login_url.contains('?') { '&' } else { '?' });
    location.push_str("return_to=");
    for &byte in target {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            location.push(char::from(byte));
        } else {
            write!(location, "%{byte:02X}").expect("a String takes any text");
        }
    }
    location
}

/// Whether browsers resolve this reference to a path of the same host (WHATWG URL, "relative slash state"): one slash,
/// then neither a slash nor a backslash, which are one to them. They also remove tabs and line ends before they look.
fn is_path(target: &[u8]) -> bool {
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    path.first() == Some(&b'/')
        && path.get(1) != Some(&b'/')
        && !path.contains(&b'\\')
        && target.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::{Strategy, prop_assert, prop_oneof, proptest},
        sample::select,
    };

    use super::*;
    use crate::gate::testing::cases;

    #[test]
    fn the_path_to_return_to_is_encoded_as_one_parameter() {
        assert_eq!(location("/login", b"/a?b=%41&c"), "/login?return_to=/a%3Fb%3D%2541%26c");
        assert_eq!(location("/login?x=1", b"/"), "/login?x=1&return_to=/");
    }

    #[test]
    fn what_a_browser_could_take_for_a_host_is_dropped() {
        for target in [
            "//evil.test/",
            "///evil.test",
            "/\\evil.test",
            "/\t/evil.test",
            "/\n/evil.test",
            "/a\\..\\evil",
            "\\\\evil.test",
            "https://evil.test/",
            "evil.test",
            "?//evil.test",
            "*",
            "",
        ] {
            assert_eq!(location("/login", target.as_bytes()), "/login", "{target:?}");
        }
    }

    #[test]
    fn two_slashes_further_on_are_part_of_the_path() {
        for target in [
            "/a//evil.test",
            "/?//evil.test",
            "/;//evil.test",
            "/%5Cevil.test",
            "/a?\\",
        ] {
            assert_ne!(location("/login", target.as_bytes()), "/login", "{target:?}");
        }
    }

    /// The host that a browser on `https://own.test` would go to, by the steps of the WHATWG URL parser.
    fn host(reference: &[u8]) -> Vec<u8> {
        let kept = reference.iter().filter(|byte| !b"\t\r\n".contains(byte));
        let kept: Vec<u8> = kept.map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
        match kept.as_slice() {
            [b'/', b'/', rest @ ..] => {
                let rest = rest.iter().skip_while(|byte| **byte == b'/');
                rest.take_while(|byte| !b"/?#".contains(byte)).copied().collect()
            }
            [b'/', ..] => b"own.test".to_vec(),
            _ => b"another scheme, or relative to the login page".to_vec(),
        }
    }

    fn target() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: &[&[u8]] = &[
            b"/",
            b"//",
            b"\\",
            b"\t",
            b"\r",
            b"\n",
            b"%2F",
            b"%5C",
            b"%09",
            b"?",
            b";",
            b".",
            b"evil.test",
        ];
        let parts = proptest::collection::vec(select(PARTS), 0..6).prop_map(|parts| parts.concat());
        prop_oneof![parts.clone(), parts.prop_map(|rest| [b"/".to_vec(), rest].concat())]
    }

    fn unescaped(parameter: &str) -> Vec<u8> {
        form_urlencoded::parse(parameter.as_bytes())
            .find(|(name, _)| name == "return_to")
            .map(|(_, value)| value.into_owned().into_bytes())
            .unwrap_or_default()
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn a_browser_returns_to_the_host_it_came_from(target in target()) {
            let location = location("/login", &target);
            if let Some(parameter) = location.strip_prefix("/login?") {
                let returned = unescaped(parameter);
                prop_assert!(returned == target, "it returns to what it asked for");
                prop_assert!(host(&returned) == b"own.test", "{}", String::from_utf8_lossy(&returned));
            } else {
                prop_assert!(location == "/login");
            }
        }
    }
}
