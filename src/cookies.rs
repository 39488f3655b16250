//! Parses the cookies of a request.

use std::borrow::Cow;

use cookie::Cookie;
use http::{HeaderMap, header};

/// All cookies as they were sent, of all `Cookie` headers: HTTP/2 clients can send several (RFC 9113 section 8.2.3).
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let fields = headers.get_all(header::COOKIE).iter();
    // Split as bytes, so that a cookie that is not text does not hide the others.
    fields
        .flat_map(|field| field.as_bytes().split(|&byte| byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

/// The value of a pair with this name. Bytes that are not UTF-8 are replaced: other cookies can contain them, that of
/// Sidegate cannot.
pub fn value<'p>(pair: &'p [u8], name: &str) -> Option<Cow<'p, str>> {
    match String::from_utf8_lossy(pair) {
        Cow::Borrowed(pair) => {
            let cookie = Cookie::parse(pair).ok().filter(|cookie| cookie.name() == name)?;
            cookie.value_raw().map(Cow::Borrowed)
        }
        Cow::Owned(pair) => {
            let cookie = Cookie::parse(pair).ok().filter(|cookie| cookie.name() == name)?;
            Some(Cow::Owned(cookie.value().to_owned()))
        }
    }
}

/// The values of all cookies of this name.
pub fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = Cow<'h, str>> {
    pairs(headers).filter_map(move |pair| value(pair, name))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(fields: &[&'static [u8]], name: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::COOKIE, HeaderValue::from_bytes(field).unwrap());
        }
        values(&headers, name).map(Cow::into_owned).collect()
    }

    #[test]
    fn a_cookie_is_found_in_any_of_several_fields_by_its_whole_name() {
        let fields: &[&[u8]] = &[b"a=1; xsid=no; sidx=no; sid", b"sid=a.b.c;b=2"];
        assert_eq!(found(fields, "sid"), ["a.b.c"]);
        assert!(found(fields, "si").is_empty());
        assert!(found(&[], "sid").is_empty());
    }

    #[test]
    fn all_of_one_name_are_found_however_they_are_spaced() {
        assert_eq!(found(&[b"sid=a; sid = b", b"sid="], "sid"), ["a", "b", ""]);
    }

    #[test]
    fn what_is_not_text_hides_no_other_cookie_and_is_not_taken_for_absent() {
        assert_eq!(found(&[b"theme=caf\xe9; sid=a"], "sid"), ["a"]);
        assert_eq!(found(&[b"sid=\xff"], "sid"), ["\u{fffd}"]);
    }
}
