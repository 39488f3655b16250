//! The pages that links in the messages of `sidegate dev` lead to.
//!
//! An application has a form there. Here a page shows the command that does what the form would do.

use std::io;
use std::net::SocketAddr;

use super::tiny_server::{self, Head};

/// No cache and no other site may get a URL with a token; and nothing here is HTML, whatever a link contains.
const FIELDS: &str = "content-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n\
                      x-content-type-options: nosniff\r\n";

/// Starts the server of the pages; `proxy` is the address at which users reach Sidegate.
///
/// # Errors
/// When no loopback port or no thread is available.
pub(super) fn start(proxy: SocketAddr) -> io::Result<SocketAddr> {
    tiny_server::start("pages", move |head| answer(head, proxy))
}

fn answer(head: &Head, proxy: SocketAddr) -> String {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let (status, body) = match path {
        "/dev/reset-password" => ("200 OK", reset_password(token(query), proxy)),
        "/dev/accept-invitation" => ("200 OK", accept_invitation(token(query), proxy)),
        "/" | "/dev" => ("200 OK", home(proxy)),
        _ => ("404 Not Found", "There is no such page.\n".to_owned()),
    };
    tiny_server::response(head, status, FIELDS, &body)
}

/// The token of a link. Only the characters of Sidegate's tokens, none of which a shell or JSON would interpret.
fn token(query: &str) -> Option<&str> {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    ((1..=128).contains(&token.len()) && token.bytes().all(legal)).then_some(token)
}

fn reset_password(token: Option<&str>, proxy: SocketAddr) -> String {
    let Some(token) = token else {
        return no_token("password reset");
    };
    format!(
        "This is the link of a password reset. An application has a form here, which sends the new password. Without one,\n\
         replace NEW-PASSWORD:\n\n  \
         curl -i http://{proxy}/auth/password/reset -H 'Content-Type: application/json' -d '{{\"token\":\"{token}\",\"password\":\"NEW-PASSWORD\"}}'\n"
    )
}

fn accept_invitation(token: Option<&str>, proxy: SocketAddr) -> String {
    let Some(token) = token else {
        return no_token("invitation");
    };
    format!(
        "This is the link of an invitation. An application has a form here, which creates the account. Without one, replace\n\
         EMAIL by the invited email address, and NEW-PASSWORD:\n\n  \
         curl -i http://{proxy}/auth/register -H 'Content-Type: application/json' -d '{{\"email\":\"EMAIL\",\"password\":\"NEW-PASSWORD\",\"invitation\":\"{token}\"}}'\n"
    )
}

fn no_token(kind: &str) -> String {
    format!(
        "This is the page for the link of a {kind}, and this link has no valid token: copy it from the message as a whole.\n"
    )
}

fn home(proxy: SocketAddr) -> String {
    format!(
        "This is Sidegate, started by `sidegate dev`. A browser has no access token, so the pages of the application answer 401.\n\
         The terminal in which it runs shows three commands to try. The first is\n\n  \
         curl -i http://{proxy}/hello\n\n\
         The API is described in http://{proxy}/auth/openapi.json\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_of_ours_gets_into_the_command() {
        assert_eq!(token("token=sgp_3q2-7w"), Some("sgp_3q2-7w"));
        assert_eq!(token("a=b&token=x"), Some("x"));
        let long = format!("token={}", "a".repeat(129));
        for query in [
            "",
            "token=",
            "token=a'b",
            "token=%27",
            "token=a b",
            "token=<b>",
            "tokens=a",
            &long,
        ] {
            assert_eq!(token(query), None, "{query}");
        }
    }
}
