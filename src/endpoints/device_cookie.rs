//! The cookie with a browser's device token. It does not sign anybody in: it only shows that the device was used
//! before.

use cookie::{Cookie, SameSite};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Caller, Services};
use crate::accounts::DEVICE_TOKEN_LIFE;
use crate::cookies;
use crate::secret::Secret;

/// The name of the cookie.
pub(super) const NAME: &str = "sidegate_device";

/// The device token of a request: the first cookie of this name. A cookie planted by a sibling subdomain can at worst make the
/// device unknown.
pub(super) fn read(headers: &HeaderMap) -> Option<Secret> {
    cookies::values(headers, NAME).next().map(Secret::new)
}

/// The `Set-Cookie` header: sent to `/auth` only, never with cross-site requests, and not readable by scripts.
///
/// `Secure` if `server.public_url` is `https`, even if the load balancer that terminates TLS does not report it.
pub(super) fn field(token: &Secret, services: &Services, caller: &Caller) -> [(HeaderName, HeaderValue); 1] {
    let settings = &services.accounts.settings;
    let base = settings.base_path.as_str();
    let path = if base.is_empty() { "/" } else { base };
    // The issuer can have another name, and is that of this server if there is no public URL.
    let public_url = services.public_url.as_deref().unwrap_or(&settings.issuer);
    let https = caller.via_tls || public_url.starts_with("https://");
    field_of(token, path, https)
}

fn field_of(token: &Secret, path: &str, https: bool) -> [(HeaderName, HeaderValue); 1] {
    let cookie = Cookie::build((NAME, token.expose()))
        .path(path)
        .max_age(DEVICE_TOKEN_LIFE.try_into().expect("some months"))
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(https);
    let text = cookie.to_string();
    let mut value = HeaderValue::try_from(text).expect("base64 and a checked path are visible characters");
    value.set_sensitive(true);
    [(SET_COOKIE, value)]
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    #[test]
    fn the_cookie_is_found_by_its_whole_name_among_others() {
        let found = |fields: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(COOKIE, HeaderValue::from_static(field));
            }
            read(&headers).map(|token| token.expose().to_owned())
        };
        assert_eq!(found(&["a=1; sidegate_device=sgd_x; b=2"]), Some("sgd_x".into()));
        assert_eq!(found(&["a=1", "sidegate_device=sgd_x"]), Some("sgd_x".into()));
        assert_eq!(
            found(&["xsidegate_device=a; sidegate_devicex=b; sidegate_device"]),
            None
        );
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn it_is_kept_from_scripts_other_sites_and_plain_text() {
        let shown = |https| {
            let [(_, value)] = field_of(&Secret::new("sgd_x"), "/auth", https);
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(
            shown(true),
            "sidegate_device=sgd_x; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=34560000"
        );
        assert!(!shown(false).contains("Secure"));
    }
}
