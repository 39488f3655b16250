//! Parses a token strictly: RFC 7515 allows much that an access token never needs and that has been used in attacks.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::gate::{denial::TokenFault, rules::issuer::IssuerRules};

/// Header and claims of a token. Nothing in it is verified yet.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) algorithm: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    pub(super) claims: Claims,
}

/// The header's members that are used. Unknown ones are ignored (RFC 7515 section 4), except those that are refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(flatten)]
    #[expect(clippy::zero_sized_map_values, reason = "serde flattens into maps only")]
    others: BTreeMap<String, IgnoredAny>,
}

/// A member that is there has to be a string: if `null` counted as absent, the check of its value would be skipped.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Refused header members: `crit` and `b64` require rules that are not supported; the others bring a key or a plaintext
/// along, and a token must never choose the key it is verified with.
const REFUSED: [&str; 8] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip"];

/// Splits and decodes `token`.
///
/// # Errors
/// `Malformed` for anything but three base64url parts of which the first two are JSON objects without repeated members.
pub(super) fn token(token: &str) -> Result<Parsed, TokenFault> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenFault::Malformed);
    };
    if signature.is_empty() {
        return Err(TokenFault::Malformed);
    }
    let header: Header = json(header)?;
    if REFUSED.iter().any(|name| header.others.contains_key(*name)) {
        return Err(TokenFault::Malformed);
    }
    Ok(Parsed {
        algorithm: header.alg,
        kid: header.kid,
        typ: header.typ,
        claims: json(payload)?,
    })
}

fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenFault> {
    // `URL_SAFE_NO_PAD` refuses padding and trailing bits, so that a token has one spelling.
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Malformed)
}

impl Parsed {
    /// Claims that are not verified, for an explanation.
    pub(super) fn without_signature(claims: Value) -> Result<Self, TokenFault> {
        Ok(Self {
            algorithm: String::new(),
            kid: None,
            typ: None,
            claims: serde_json::from_value(claims).map_err(|_| TokenFault::Malformed)?,
        })
    }

    /// Checks the type of the token: an ID token, a logout token or a refresh token of the same issuer, signed with the
    /// same key, is not an access token (RFC 8725 section 3.11).
    pub(super) fn check_kind(&self, issuer: &IssuerRules) -> Result<(), TokenFault> {
        let typ = self.typ.as_deref().map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map_or(typ.clone(), str::to_owned)
        });
        let fits = match (&issuer.typ, typ.as_deref()) {
            (Some(wanted), Some(typ)) => wanted.eq_ignore_ascii_case(typ),
            (None, typ) => matches!(typ, None | Some("jwt" | "at+jwt")),
            (Some(_), None) => false,
        };
        if fits { Ok(()) } else { Err(TokenFault::WrongType) }
    }
}

/// The payload's members, each once.
#[derive(Debug)]
pub(super) struct Claims(BTreeMap<String, Value>);

impl Claims {
    /// Whether the payload has this member, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member by its name, or if there is none of that name, by a dotted path into objects (`realm_access.roles`).
    fn member(&self, path: &str) -> Option<&Value> {
        self.0.get(path).or_else(|| {
            let (name, rest) = path.split_once('.')?;
            rest.split('.')
                .try_fold(self.0.get(name)?, |value, part| value.get(part))
        })
    }

    /// A member that is not `null`, as [`Self::member`] finds it. Many issuers write `null` for "none" in profile
    /// claims.
    pub(super) fn value(&self, path: &str) -> Option<&Value> {
        self.member(path).filter(|value| !value.is_null())
    }

    /// A string, if present. `null` is not one: a token whose `jti` or `sid` counted as absent could not be revoked.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, TokenFault> {
        self.member(name)
            .map(|value| value.as_str().ok_or(TokenFault::BadClaims))
            .transpose()
    }

    /// A string of the profile; none if it is absent or `null`.
    pub(super) fn profile_text(&self, name: &str) -> Result<Option<&str>, TokenFault> {
        self.value(name)
            .map(|value| value.as_str().ok_or(TokenFault::BadClaims))
            .transpose()
    }

    /// A NumericDate (RFC 7519 section 2) in whole seconds, if present. `null` is not one: a limit in time that cannot
    /// be read must not count as no limit.
    pub(super) fn date(&self, name: &str) -> Result<Option<i64>, TokenFault> {
        const LAST: f64 = 253_402_300_799.0; // the year 9999
        self.member(name)
            .map(|value| match value.as_f64() {
                #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
                Some(seconds) if (0.0..=LAST).contains(&seconds) => Ok(seconds as i64),
                _ => Err(TokenFault::BadClaims),
            })
            .transpose()
    }

    /// A list of strings, or a single string, if present. With `separated` a single string is split at spaces, like
    /// `scope`.
    pub(super) fn list(&self, name: &str, separated: bool) -> Result<Vec<Box<str>>, TokenFault> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if separated => {
                Ok(text.split(' ').filter(|s| !s.is_empty()).map(Box::from).collect())
            }
            Some(Value::String(text)) => Ok(vec![text.as_str().into()]),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(Box::from).ok_or(TokenFault::BadClaims))
                .collect(),
            Some(_) => Err(TokenFault::BadClaims),
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    // Two members `sub`: another parser could use the other one (RFC 8725 section 2.4).
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a repeated member"));
                    }
                }
                Ok(Claims(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod properties;
