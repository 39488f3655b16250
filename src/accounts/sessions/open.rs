//! Opens a session after a sign-in with one factor or two: its first row, the audit entry, and the notice to the owner.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::error::Failure;
use crate::accounts::login::devices::Devices;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::fingerprint::fingerprint;
use crate::accounts::sessions::pair::Pair;
use crate::accounts::sessions::refresh_token;
use crate::accounts::sessions::tokens::Proof;
use crate::accounts::settings::Settings;
use crate::audit::{AuditRecord, Origin};
use crate::mail::{Message, Queue};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::postgres::Transaction;
use crate::store::revocations::Recorded;
use crate::store::sessions::{self, NewSession};
use crate::store::users::User;

/// An opened session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The tokens.
    pub pair: Pair,
    /// The device token, for the next sign-in on the device.
    pub device_token: Secret,
}

/// The parameters of a new session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    /// The session's id, which no other session has.
    pub(crate) session_id: Uuid,
    /// The name of the device, chosen by the user.
    pub(crate) device_name: Option<&'a str>,
    /// The device's id, if it is known.
    pub(crate) device: Option<Uuid>,
    /// The authentication methods (RFC 8176).
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
    pub(crate) sessions: Arc<Sessions>,
}

/// The `end_reason` of a session that was ended because the account has too many.
const END_REASON: &str = "session_limit";

impl SessionOpener {
    /// Opens a session and commits. `user` is the row that the transaction has locked.
    pub(crate) async fn open(
        &self,
        tx: Transaction,
        user: &User,
        opening: Opening<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Failure> {
        let settings = &self.settings.refresh_token;
        let session_id = opening.session_id;
        let device = opening.device.unwrap_or_else(Uuid::new_v4);
        let refresh = refresh_token::make(&self.settings.secrets, session_id, 1);
        let expires_at = now + settings.session_max;
        let user_agent = origin.user_agent();
        let amr = opening.amr.iter().map(|&method| method.to_owned()).collect::<Vec<_>>();
        let session = NewSession {
            session_id,
            user_id: user.id,
            device_id: device,
            device_name: opening.device_name,
            user_agent: user_agent.as_deref(),
            address: origin.address,
            amr: &amr,
            expires_at,
            token_hash: refresh.hash,
            token_expires_at: expires_at.min(now + settings.ttl),
            fingerprint: fingerprint(origin.address, user_agent.as_deref()),
        };
        let opened = sessions::open(&tx, &session, self.settings.sessions.per_user, now).await?;
        let ended = self.end_surplus(&tx, user, &opened.ended, origin, now).await?;
        // Not for the first sign-in, and not for a device with a device token, whatever its network.
        if opened.is_new_device && opening.device.is_none() && user.last_login_at.is_some() {
            self.note_new_device(&tx, user, &session, origin, now).await?;
        }
        let proof = Proof {
            session_id,
            auth_time: now,
            amr: &amr,
        };
        let pair = self
            .access_tokens
            .pair(user, proof, &refresh.text, session.token_expires_at, now)?;
        let mut record = AuditRecord::by(user.id, Event::LoginSucceeded, origin)
            .session(session_id)
            .with("method", "password");
        if let Some(kind) = opening.second_factor {
            record = record.with("second_factor", kind);
        }
        record.insert(&tx, &self.metrics, now).await?;
        tx.commit().await?;
        if !ended.is_empty() {
            self.sessions.publish(&ended, opened.ended.len(), END_REASON).await;
        }
        self.access_tokens.count("password");
        Ok(SignedIn {
            pair,
            device_token: self.devices.token(user.id, device, now),
        })
    }

    /// Records the end of the sessions above `auth.sessions.per_user`, in the transaction that ended them.
    async fn end_surplus(
        &self,
        tx: &Transaction,
        user: &User,
        ended: &[Uuid],
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<Vec<Recorded>, StoreError> {
        if ended.is_empty() {
            return Ok(Vec::new());
        }
        for session_id in ended {
            AuditRecord::by(user.id, Event::SessionRevoked, origin)
                .session(*session_id)
                .with("reason", END_REASON)
                .insert(tx, &self.metrics, now)
                .await?;
        }
        self.sessions.record_ended(tx, ended, now).await
    }

    /// Notifies the owner by email of a sign-in from a device that has no device token and does not look like a known
    /// one.
    async fn note_new_device(
        &self,
        tx: &Transaction,
        user: &User,
        session: &NewSession<'_>,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        AuditRecord::by(user.id, Event::NewDeviceSeen, origin)
            .session(session.session_id)
            .insert(tx, &self.metrics, now)
            .await?;
        let unknown = || "unknown".to_owned();
        let called = session.device_name.or(session.user_agent);
        let message = Message::NewDevice {
            device: called.map_or_else(unknown, str::to_owned),
            address: session.address.map_or_else(unknown, |address| address.to_string()),
        };
        self.mail.tell(tx, user, message, now).await
    }
}
