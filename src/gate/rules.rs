//! The rules for requests that the configuration became: plain data, without behaviour beyond matching.
//!
//! `config` builds them from checked values, so that no step of the gate has to check whether a name exists or a header
//! is valid. The steps use the rules, never the other way round.

pub mod assertion;
pub mod cors;
pub mod header_pattern;
pub mod identity_headers;
pub mod issuer;
pub mod policy;
pub mod rate_limit;
pub mod reserved_headers;
pub mod route;
pub mod spelling;
pub mod table;
pub mod wanted_claims;

use std::{collections::HashMap, sync::Arc, time::Duration};

use self::{issuer::IssuerRules, reserved_headers::Family, table::Table};

/// All rules of one version of the configuration.
#[derive(Debug)]
pub struct Rules {
    /// SHA-256 of the configuration file, to compare replicas.
    pub sha256: [u8; 32],
    /// The route table.
    pub routes: Table,
    /// The requirements for tokens, by issuer.
    pub issuers: HashMap<Box<str>, Arc<IssuerRules>>,
    /// The age of the revocation view from which a route's `on_stale` decides.
    pub max_lag: Duration,
    /// Header names that only Sidegate may send upstream.
    pub family: Family,
    /// The claims that policies and headers use: [`wanted_claims::of`] all routes.
    pub wanted_claims: Box<[Box<str>]>,
    /// The name of the cookie that can contain an access token, if configured.
    pub session_cookie: Option<Box<str>>,
}
