//! The moment in which a session begins, after one factor or two: its first row, what is written down, and what its owner is
//! told.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::error::Failure;
use crate::accounts::login::devices::Devices;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::pair::Pair;
use crate::accounts::sessions::tokens;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Letter, Queue};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::audit::Event;
use crate::store::postgres::Transaction;
use crate::store::refresh_tokens::{self, RefreshToken};
use crate::store::users::{self, User};
use crate::store::{StoreError, id, sessions};

/// Who has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The tokens.
    pub pair: Pair,
    /// What the device shows at its next sign-in, to be known.
    pub device_token: Secret,
}

/// How a session begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    /// What the person calls the device.
    pub(crate) device_name: Option<&'a str>,
    /// The device, if it is known.
    pub(crate) device: Option<Uuid>,
    /// How the person proved who they are (RFC 8176).
    pub(crate) amr: &'a [&'a str],
    /// The second factor's kind, if there was one.
    pub(crate) second_factor: Option<&'a str>,
}

/// Opens sessions.
pub struct SessionOpener {
    pub(crate) access_tokens: Arc<AccessTokens>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) mail: Arc<Queue>,
    pub(crate) settings: Arc<Settings>,
}

impl SessionOpener {
    /// Opens a session and commits. `user` is the row as it is held by the transaction.
    pub(crate) async fn open(
        &self,
        tx: Transaction,
        user: &User,
        opening: Opening<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Failure> {
        let (row, refresh) = self.first_row(user, opening, origin, now);
        // Before the row is there, which would know the device.
        self.note_new_device(&tx, user, &row, opening.device, origin, now)
            .await?;
        if user.is_locked(now) {
            users::note_login(&tx, user.id, now).await?;
        } else {
            users::record_login(&tx, user.id, now).await?;
        }
        refresh_tokens::insert(&tx, &row).await?;
        let pair = self.access_tokens.pair(user, &row, &refresh, now)?;
        let mut happened = AuditRecord::by(user.id, Event::LoginSucceeded, origin)
            .session(row.session_id)
            .with("method", "password");
        if let Some(kind) = opening.second_factor {
            happened = happened.with("second_factor", kind);
        }
        happened.insert(&tx, &self.metrics, now).await?;
        tx.commit().await?;
        self.access_tokens.count("password");
        let device = opening.device.unwrap_or_else(Uuid::new_v4);
        Ok(SignedIn {
            pair,
            device_token: self.devices.token(user.id, device, now),
        })
    }

    /// Tells the owner of a sign-in from a device that neither shows its token nor looks like one seen before. Of a first
    /// sign-in there is nothing to tell.
    async fn note_new_device(
        &self,
        tx: &Transaction,
        user: &User,
        row: &RefreshToken,
        device: Option<Uuid>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if device.is_some() || user.last_login_at.is_none() {
            return Ok(());
        }
        if sessions::is_from_known_device(tx, user.id, row.user_agent.as_deref(), row.address).await? {
            return Ok(());
        }
        AuditRecord::by(user.id, Event::NewDeviceSeen, origin)
            .session(row.session_id)
            .insert(tx, &self.metrics, now)
            .await?;
        let unknown = || "unknown".to_owned();
        let called = row.device_name.as_ref().or(row.user_agent.as_ref());
        let letter = Letter::NewDevice {
            device: called.cloned().unwrap_or_else(unknown),
            address: row.address.map_or_else(unknown, |address| address.to_string()),
        };
        self.mail.tell(tx, user, letter, now).await
    }

    fn first_row(
        &self,
        user: &User,
        opening: Opening<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> (RefreshToken, Secret) {
        let settings = &self.settings.refresh_token;
        let refresh = tokens::refresh();
        let session_expires_at = now + settings.session_max;
        let row = RefreshToken {
            id: id::new(now),
            token_hash: tokens::refresh_hash(refresh.expose()).expect("a token just made has the form of one"),
            user_id: user.id,
            session_id: Uuid::new_v4(),
            parent_id: None,
            session_started_at: now,
            session_expires_at,
            auth_time: now,
            amr: opening.amr.iter().map(|&method| method.to_owned()).collect(),
            device_name: opening.device_name.map(str::to_owned),
            user_agent: origin.user_agent(),
            address: origin.address,
            created_at: now,
            expires_at: session_expires_at.min(now + settings.ttl),
            used_at: None,
            revoked_at: None,
            revoked_reason: None,
            metadata: serde_json::Map::new(),
        };
        (row, refresh)
    }
}
