//! Parses `Content-Length`.

use http::{HeaderMap, header};

/// The value of `Content-Length`, if it is a number.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    parse(headers.get(header::CONTENT_LENGTH)?.as_bytes())
}

/// Parses a length (RFC 9110 section 8.6): digits only, because `str::parse` accepts a sign too.
pub fn parse(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit).then_some(value)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_digits_are_a_length() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from_static(text))]);
            announced(&headers)
        };
        assert_eq!((read("0"), read("65536")), (Some(0), Some(65_536)));
        for text in ["", "+5", "-5", "5 ", "0x5", "5,5", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(announced(&HeaderMap::new()), None);
    }
}
