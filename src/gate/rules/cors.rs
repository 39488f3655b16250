//! Cross-origin resource sharing (CORS): which other origins' pages may read responses, in a browser.
//!
//! This protects nothing on the server: it loosens a rule of browsers for some origins. So an origin is listed exactly, and
//! nothing that is not listed is ever written into a response.

use http::HeaderValue;

/// The CORS rules of a route, or of Sidegate's own endpoints. Header values are built once, from checked parts.
#[derive(Debug, Clone)]
pub struct Cors {
    /// The origins that may read responses.
    pub origins: Origins,
    /// Whether browsers may send cookies, and pages may read responses to such requests.
    pub credentials: bool,
    /// `Access-Control-Allow-Headers`.
    pub headers: HeaderValue,
    /// `Access-Control-Expose-Headers`.
    pub exposed: HeaderValue,
    /// `Access-Control-Max-Age`, in seconds.
    pub max_age: HeaderValue,
}

/// The origins that may read responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Any, without credentials.
    Any,
    /// These, as browsers write them (RFC 6454 section 6.2).
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a request with this `Origin`; `None` if its pages may not read the response.
    ///
    /// A listed value is compared byte by byte and then written from the list: what the client sent is never copied.
    pub fn allow_origin(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Listed(listed) => listed.iter().find(|known| Some(*known) == origin).cloned(),
        }
    }

    /// Whether responses depend on `Origin`, so that a cache has to keep them apart.
    pub fn varies(&self) -> bool {
        self.origins != Origins::Any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origins: &[&'static str]) -> Cors {
        Cors {
            origins: Origins::Listed(origins.iter().map(|origin| HeaderValue::from_static(origin)).collect()),
            credentials: true,
            headers: HeaderValue::from_static(""),
            exposed: HeaderValue::from_static(""),
            max_age: HeaderValue::from_static("0"),
        }
    }

    #[test]
    fn only_the_listed_bytes_are_an_allowed_origin() {
        let cors = listed(&["https://app.test", "http://localhost:3000"]);
        let allowed = |origin: &'static str| cors.allow_origin(Some(&HeaderValue::from_static(origin)));
        assert_eq!(allowed("https://app.test").unwrap(), "https://app.test");
        assert_eq!(allowed("http://localhost:3000").unwrap(), "http://localhost:3000");
        for other in [
            "null",
            "*",
            "",
            "https://app.test:443",
            "https://app.test.evil.test",
            "https://evilapp.test",
            "https://APP.test",
            "http://app.test",
            "https://app.test/",
            "https://app.test https://evil.test",
        ] {
            assert_eq!(allowed(other), None, "{other}");
        }
        assert_eq!(cors.allow_origin(None), None);
        assert!(cors.varies());
    }

    #[test]
    fn any_origin_is_a_star_and_never_the_one_that_was_sent() {
        let cors = Cors {
            origins: Origins::Any,
            credentials: false,
            ..listed(&[])
        };
        let sent = HeaderValue::from_static("https://evil.test");
        assert_eq!(cors.allow_origin(Some(&sent)).unwrap(), "*");
        assert!(!cors.varies());
    }
}
