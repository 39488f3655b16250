//! The claims that an account's next token would have.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::runtime::Builder;
use uuid::Uuid;

use super::super::super::operator::Failed;
use crate::accounts::sessions::tokens::Proof;
use crate::app::Tools;
use crate::config;
use crate::keys::{Algorithm, SigningKey};

/// Looks the account up by id, email address or username.
///
/// # Errors
/// When there is none, PostgreSQL is unreachable, or this is a verifier's configuration, which knows no accounts.
pub(super) fn claims(config: &Path, name: &str, now: OffsetDateTime) -> Result<Map<String, Value>, Failed> {
    let loaded = config::load(config).map_err(|_| "the configuration changed meanwhile")?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let tools = Tools::open(loaded, runtime.handle())?;
    let claims = runtime.block_on(claims_of(&tools, name, now));
    runtime.shutdown_timeout(Duration::from_millis(200));
    claims
}

/// A token like any other, but by a key that was just made and that nobody trusts: only its claims leave this function.
async fn claims_of(tools: &Tools, name: &str, now: OffsetDateTime) -> Result<Map<String, Value>, Failed> {
    let accounts = &tools.accounts;
    let user = accounts.operator.accounts.lookup(name).await?;
    let key = Arc::new(SigningKey::generate(Algorithm::Es256)?);
    let published = [Arc::clone(key.verifying_key())];
    accounts.keys.install_own(&accounts.settings.issuer, key, &published);
    let proof = Proof {
        session_id: Uuid::new_v4(),
        auth_time: now,
        amr: &["pwd".to_owned()],
    };
    let access = accounts.access_tokens.issue(&user, proof, now)?;
    let payload = access.token.expose().split('.').nth(1).unwrap_or_default();
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}
