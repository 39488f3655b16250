//! The gate on the wire: the real binary between a client that sends arbitrary bytes and an upstream that reports every
//! byte.

mod answers;
mod assertion;
mod balance;
mod cors;
mod credentials;
mod draining;
mod forged_headers;
mod identity_headers;
mod login_redirect;
mod operation;
mod origin;
mod own_tokens;
mod paths;
mod raw_bytes;
mod tls;
mod upstreams;

use serde_json::Value;

use crate::support::{User, claims};

/// The `sub` of a signed-in user.
fn id(user: &User) -> String {
    let Value::String(subject) = claims(&user.access_token)["sub"].clone() else {
        panic!("a token has a subject")
    };
    subject
}
