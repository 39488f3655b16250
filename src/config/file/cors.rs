//! `server.cors`, and `cors` of a route.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::address::Url;
use super::super::text::duration::Duration;
use crate::gate::rules::cors::{self, Origins};

/// Request headers that pages may always set: those that the API needs.
const HEADERS: [&str; 2] = ["authorization", "content-type"];

/// Response headers of Sidegate that pages may always read.
const EXPOSED: [&str; 5] = [
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-request-id",
];

const ORIGIN: &str = "an origin as browsers send it, such as https://app.example.com: scheme, host in lower case, and a \
                      port that is not the default";

/// Other origins whose pages may call this in a browser (CORS).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// The exact origins of the pages, such as `https://app.example.com`. On a route, `["*"]` stands for any origin, without
    /// credentials.
    #[schemars(extend("x-required" = true))]
    pub origins: Vec<String>,
    /// Whether browsers may send cookies. A token in `Authorization` does not need this.
    pub credentials: bool,
    /// Request headers that pages may set, in addition to `Authorization` and `Content-Type`.
    pub headers: Vec<String>,
    /// Response headers that pages may read, in addition to those of Sidegate.
    pub expose: Vec<String>,
    /// How long a browser may keep the response to a preflight.
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            credentials: false,
            headers: Vec::new(),
            expose: Vec::new(),
            max_age: Duration::minutes(10),
        }
    }
}

/// Whether `origins: ["*"]` is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Star {
    /// On a route.
    Accepted,
    /// For `/auth`: any web page could try passwords with the browsers, and so the IP addresses, of its visitors.
    Refused,
}

impl Cors {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super) fn settle(
        &self,
        star: Star,
        at: &KeyPath,
        findings: &mut Findings,
    ) -> Option<Arc<cors::Cors>> {
        let origins = self.origins(star, &at.key("origins"), findings);
        let headers = names(&HEADERS, &self.headers, &at.key("headers"), findings);
        let exposed = names(&EXPOSED, &self.expose, &at.key("expose"), findings);
        findings.range_of(
            &at.key("max_age"),
            &self.max_age,
            &(Duration::seconds(0)..=Duration::days(1)),
        );
        Some(Arc::new(cors::Cors {
            origins: origins?,
            credentials: self.credentials,
            headers: headers?,
            exposed: exposed?,
            max_age: self.max_age.0.as_secs().into(),
        }))
    }

    fn origins(&self, star: Star, at: &KeyPath, findings: &mut Findings) -> Option<Origins> {
        if self.origins.is_empty() {
            findings.add(
                at,
                "is required: the origins of the pages, such as https://app.example.com",
            );
            return None;
        }
        if self.origins.iter().any(|origin| origin == "*") {
            return self.any_origin(star, at, findings);
        }
        let mut listed = Vec::new();
        for (index, written) in self.origins.iter().enumerate() {
            let at = at.index(index);
            match origin(written) {
                Err(message) => findings.add(&at, message),
                Ok(value) if listed.contains(&value) => findings.add(&at, format!("{written} is listed twice")),
                Ok(value) => {
                    warn_of_http(written, &at, findings);
                    listed.push(value);
                }
            }
        }
        (listed.len() == self.origins.len()).then_some(Origins::Listed(listed))
    }

    fn any_origin(&self, star: Star, at: &KeyPath, findings: &mut Findings) -> Option<Origins> {
        let message = if star == Star::Refused {
            "expected exact origins, got \"*\": any page could sign in from the browsers of its visitors"
        } else if self.credentials {
            "expected exact origins with `credentials`, got \"*\": any page could act as its visitors"
        } else if self.origins.len() > 1 {
            "expected \"*\" alone, or exact origins"
        } else {
            return Some(Origins::Any);
        };
        findings.add(at, message);
        None
    }
}

/// Reads an origin in the form in which browsers send it; another form would never match.
fn origin(written: &str) -> Result<HeaderValue, String> {
    if written == "null" {
        return Err("`null` is the origin of every sandboxed page and local file: expected an exact origin".to_owned());
    }
    let wrong = || super::super::text::unexpected(ORIGIN, written);
    let url: Url = written.parse().map_err(|_| wrong())?;
    let (scheme, authority) = written.split_once("://").ok_or_else(wrong)?;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    let default_port = if url.is_https() { ":443" } else { ":80" };
    if !["http", "https"].contains(&scheme) || !authority.bytes().all(legal) || authority.ends_with(default_port) {
        return Err(wrong());
    }
    HeaderValue::from_str(written).map_err(|_| wrong())
}

fn warn_of_http(origin: &str, at: &KeyPath, findings: &mut Findings) {
    let Some(host) = origin.strip_prefix("http://") else {
        return;
    };
    let local = ["localhost", "127.0.0.1", "[::1]"];
    if !local
        .iter()
        .any(|name| host == *name || host.starts_with(&format!("{name}:")))
    {
        findings.warn(at, "is http: anybody who can change its pages can read the responses");
    }
}

/// Joins names of headers, the usual ones first.
fn names(usual: &[&str], more: &[String], at: &KeyPath, findings: &mut Findings) -> Option<HeaderValue> {
    let mut all: Vec<String> = usual.iter().map(|name| (*name).to_owned()).collect();
    let mut good = true;
    for (index, name) in more.iter().enumerate() {
        let at = at.index(index);
        match HeaderName::from_bytes(name.as_bytes()) {
            // `*` is a legal name, and would be a wildcard for browsers.
            Ok(parsed) if parsed != "*" => {
                if !all.iter().any(|known| known == parsed.as_str()) {
                    all.push(parsed.to_string());
                }
            }
            _ => {
                findings.add(
                    &at,
                    super::super::text::unexpected("the name of a header such as X-Trace", name),
                );
                good = false;
            }
        }
    }
    let joined = all.join(", ");
    good.then(|| HeaderValue::from_str(&joined).expect("names of headers are valid in a value"))
}
