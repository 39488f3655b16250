//! Sends a message with the configured transport.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::fs;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::mail::message::Payload;
use crate::mail::mime::Written;
use crate::mail::not_sent::NotSent;
use crate::mail::settings::Transport;

/// The timeout of writing a file: a network file system can hang.
const FILE: Duration = Duration::from_secs(10);

impl Transport {
    /// The longest duration of an attempt.
    pub(crate) fn deadline(&self) -> Duration {
        match self {
            Self::Smtp(smtp) => smtp.timeout,
            Self::File { .. } | Self::Log => FILE,
        }
    }

    /// Sends a message. Messages with the same id are the same message.
    pub(crate) async fn send(&self, id: Uuid, payload: &Payload, written: &Written) -> Result<(), NotSent> {
        let sending = async {
            match self {
                Self::Smtp(smtp) => {
                    smtp.send(written.message.envelope(), &written.message.formatted())
                        .await
                }
                Self::File { directory } => {
                    let name = format!("{id}-{}", payload.message.as_str());
                    write(directory, &name, &written.message.formatted())
                        .await
                        .map_err(|error| NotSent::Later(format!("writing the file: {error}")))
                }
                Self::Log => {
                    let user_id = payload.to.user_id.map(|id| id.to_string()).unwrap_or_default();
                    let message = payload.message.as_str();
                    tracing::info!(message, user_id, "a message: {}", written.text);
                    Ok(())
                }
            }
        };
        tokio::time::timeout(self.deadline(), sending)
            .await
            .unwrap_or_else(|_| Err(NotSent::Later("it took too long".to_owned())))
    }
}

/// Writes a file atomically, so that nobody reads an incomplete message; readable by its owner only, because it
/// contains codes.
async fn write(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .await?;
    let draft = directory.join(format!(".{name}.new"));
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    fs::rename(&draft, directory.join(format!("{name}.eml"))).await
}
