//! `auth.secret` and `auth.previous_secrets`: 32 random bytes each, in base64.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

use super::super::super::findings::Findings;
use super::super::super::interpolate::Environment;
use super::super::super::path::KeyPath;
use super::super::super::text::secret::SecretSource;
use super::super::super::weakness;
use crate::keys::Secrets;
use crate::secret::{Key32, Secret};

/// The most previous secrets: each is one more secret that decrypts a copy of the database, so they have to be removed.
const PREVIOUS_MAX: usize = 8;

/// Reads the secrets and derives their keys. `None` if there is a mistake, which is recorded in `findings`.
pub(super) fn settle(
    current: Option<&SecretSource>,
    previous: &[SecretSource],
    at: &KeyPath,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Secrets> {
    let read = |source: &SecretSource, at: &KeyPath, findings: &mut Findings| {
        let secret = source.fetch(at, environment, findings)?;
        key(&secret, at, findings)
    };
    let at_current = at.key("secret");
    let current = findings
        .required(&at_current, current)
        .and_then(|source| read(source, &at_current, findings));

    let at_previous = at.key("previous_secrets");
    if previous.len() > PREVIOUS_MAX {
        findings.expected(&at_previous, format!("at most {PREVIOUS_MAX}"), previous.len());
    }
    let previous: Vec<Option<Key32>> = previous
        .iter()
        .enumerate()
        .map(|(index, source)| read(source, &at_previous.index(index), findings))
        .collect();

    let current = current?;
    let previous = previous.into_iter().collect::<Option<Vec<_>>>()?;
    if let Ok(secrets) = Secrets::new(&current, &previous) {
        Some(secrets)
    } else {
        let message = "contains `auth.secret`, or a secret twice: expected different ones";
        findings.add(&at_previous, message);
        None
    }
}

/// Decodes the 32 bytes, in either base64 alphabet, padded or not. Messages contain lengths only.
fn key(secret: &Secret, at: &KeyPath, findings: &mut Findings) -> Option<Key32> {
    const EXPECTED: &str = "32 bytes in base64, such as `openssl rand -base64 32` makes";
    let mut text = Zeroizing::new(secret.expose().trim().to_owned());
    while !text.len().is_multiple_of(4) && text.len() < 48 {
        text.push('=');
    }
    let Ok(bytes) = STANDARD
        .decode(text.as_bytes())
        .or_else(|_| URL_SAFE.decode(text.as_bytes()))
    else {
        findings.add(at, format!("expected {EXPECTED}"));
        return None;
    };
    let bytes = Zeroizing::new(bytes);
    let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice()) else {
        findings.expected(at, EXPECTED, format_args!("{} bytes", bytes.len()));
        return None;
    };
    // Everything that this key encrypts and authenticates is open to those who can guess it, previous keys included.
    (!weakness::report_key(&key, &text, at, findings)).then(|| Key32::new(key))
}
