//! What the operator's file became for the gate: plain data, without behaviour beyond matching.
//!
//! `config` builds it; from then on its values are already right, so that no step of the gate has to ask whether a name
//! exists or a header is legal. The steps know the rules, never the other way round.

pub mod assertion;
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

/// Everything that the gate needs of one state of the configuration.
#[derive(Debug)]
pub struct Rules {
    /// SHA-256 of the file that they were made from, to compare replicas.
    pub sha256: [u8; 32],
    /// The routes, ready to be searched.
    pub routes: Table,
    /// What is demanded of a token, by the issuer it names.
    pub issuers: HashMap<Box<str>, Arc<IssuerRules>>,
    /// How old the view of revocations may be before a route's `on_stale` decides.
    pub max_lag: Duration,
    /// Header names that nobody but us may send upstream.
    pub family: Family,
    /// Claims that a policy or header names: [`wanted_claims::of`] all routes.
    pub wanted_claims: Box<[Box<str>]>,
    /// The cookie that may carry an access token, when sessions by cookie are on.
    pub session_cookie: Option<Box<str>>,
}
