//! Parses a PostgreSQL URL and connects to it. `tokio_postgres::Config` interprets the URL, except two parameters of
//! libpq about TLS.
//!
//! `sslmode`: `disable` uses plaintext; `require`, `verify-ca` and `verify-full` all require TLS with a valid
//! certificate for the host, because encryption without authentication does not protect against an active attacker;
//! `prefer` uses TLS if the server offers it. Without `sslmode`, a unix socket or a loopback address uses plaintext and
//! everything else `require`, so that connections over a network are verified by default. Trusted are the system's
//! roots, or those in the PEM file of `sslrootcert`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use crate::secret::Secret;
use crate::store::{StoreError, StoreName};

/// An invalid URL. The message does not quote it, because it can contain a password.
#[derive(Debug, thiserror::Error)]
#[error("not a usable PostgreSQL URL: {0}")]
pub struct BadUrl(String);

pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// A connection outside of the pool.
pub(in crate::store) struct Dedicated {
    pub(in crate::store) client: tokio_postgres::Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Address {
    pub(super) fn parse(url: &Secret, connect_timeout: Duration) -> Result<Self, BadUrl> {
        let url = url.expose();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(BadUrl("it begins with postgres:// or postgresql://".to_owned()));
        }
        let (url, own) = Tls::split_from(url)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            BadUrl(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(BadUrl(
                "it names no host (a unix socket is postgres:///db?host=/folder)".to_owned(),
            ));
        }
        let mode = own.mode.unwrap_or(if is_local(&config) {
            SslMode::Disable
        } else {
            SslMode::Require
        });
        config
            .ssl_mode(mode)
            .connect_timeout(connect_timeout)
            // Detects a dead peer within 15 seconds, not after the two hours of the kernel's default.
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(Duration::from_secs(15));
        if config.get_application_name().is_none() {
            config.application_name("sidegate");
        }
        let tls = if mode == SslMode::Disable {
            None
        } else {
            Some(tls(own.root.as_deref())?)
        };
        Ok(Self { config, tls })
    }

    pub(super) fn manager(&self, statement_timeout: Duration, manager: ManagerConfig) -> Manager {
        // The second timeout releases the locks of an instance that hangs or was disconnected during a transaction.
        let config = self.with_options(&format!(
            "-c statement_timeout={} -c idle_in_transaction_session_timeout=30000",
            statement_timeout.as_millis().max(1)
        ));
        match &self.tls {
            Some(tls) => Manager::from_config(config, tls.clone(), manager),
            None => Manager::from_config(config, NoTls, manager),
        }
    }

    pub(super) async fn dedicated(&self, operation: &'static str) -> Result<Dedicated, StoreError> {
        // A migration can take long, but must not wait long for a lock, because other statements queue behind it.
        let config = self.with_options("-c statement_timeout=0 -c lock_timeout=10000");
        let limit = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        let connecting = async {
            if let Some(tls) = &self.tls {
                let (client, connection) = config.connect(tls.clone()).await?;
                return Ok(Dedicated {
                    client,
                    task: tokio::spawn(async move { drop(connection.await) }),
                });
            }
            let (client, connection) = config.connect(NoTls).await?;
            Ok(Dedicated {
                client,
                task: tokio::spawn(async move { drop(connection.await) }),
            })
        };
        match tokio::time::timeout(limit, connecting).await {
            Ok(answer) => answer.map_err(|error| error::from_connect(operation, &error)),
            Err(_) => Err(StoreError::Timeout {
                store: StoreName::Postgres,
                operation,
            }),
        }
    }

    /// A connection for a [`super::Listener`]: the client, and what drives it, which tells `notified` of each
    /// notification and of its end.
    pub(super) async fn listening(
        &self,
        operation: &'static str,
        statement_timeout: Duration,
        notified: Arc<Notify>,
    ) -> Result<Dedicated, StoreError> {
        let config = self.with_options(&format!(
            "-c statement_timeout={}",
            statement_timeout.as_millis().max(1)
        ));
        let connecting = async {
            if let Some(tls) = &self.tls {
                let (client, connection) = config.connect(tls.clone()).await?;
                return Ok(Dedicated {
                    client,
                    task: tokio::spawn(listen(connection, notified)),
                });
            }
            let (client, connection) = config.connect(NoTls).await?;
            Ok(Dedicated {
                client,
                task: tokio::spawn(listen(connection, notified)),
            })
        };
        connecting.await.map_err(|error| error::from_connect(operation, &error))
    }

    /// Settings that the server applies when the session starts, without a round trip and without state that a pooler
    /// could leak to another client. The operator's own options come last and take precedence.
    fn with_options(&self, ours: &str) -> Config {
        let mut config = self.config.clone();
        let options = match config.get_options() {
            Some(theirs) => format!("{ours} {theirs}"),
            None => ours.to_owned(),
        };
        config.options(options);
        config
    }
}

/// Runs the connection until it closes.
async fn listen<S, T>(mut connection: Connection<S, T>, notified: Arc<Notify>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notification(_) = message {
            notified.notify_one();
        }
    }
    // Otherwise the listener would wait for a notification forever.
    notified.notify_one();
}

/// The parameters of libpq that tokio-postgres does not support, or interprets in another way.
#[derive(Default)]
struct Tls {
    mode: Option<SslMode>,
    root: Option<String>,
}

impl Tls {
    /// Removes them from the query of `url`; [`Config`] parses the rest.
    fn split_from(url: &str) -> Result<(String, Self), BadUrl> {
        let mut tls = Self::default();
        let (head, query) = url.split_once('?').unwrap_or((url, ""));
        let mut left = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = form_urlencoded::parse(parameter.as_bytes()).next().unwrap_or_default();
            match &*name {
                "sslmode" => tls.mode = Some(mode(&value)?),
                "sslrootcert" => tls.root = Some(value.into_owned()),
                _ => left.push(parameter),
            }
        }
        Ok((format!("{head}?{}", left.join("&")), tls))
    }
}

fn mode(value: &str) -> Result<SslMode, BadUrl> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(BadUrl(
            "sslmode: expected disable, prefer, require, verify-ca or verify-full".to_owned(),
        )),
    }
}

fn is_local(config: &Config) -> bool {
    config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
        })
}

fn tls(root: Option<&str>) -> Result<MakeRustlsConnect, BadUrl> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(file) = root {
        let cannot_read = |cause: String| BadUrl(format!("sslrootcert {file}: {cause}"));
        for certificate in
            CertificateDer::pem_file_iter(Path::new(file)).map_err(|error| cannot_read(error.to_string()))?
        {
            let certificate = certificate.map_err(|error| cannot_read(error.to_string()))?;
            roots.add(certificate).map_err(|error| cannot_read(error.to_string()))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Address::parse(&Secret::new(url), Duration::from_secs(1))
            .unwrap()
            .config
            .get_ssl_mode()
    }

    #[test]
    fn a_connection_over_a_network_is_encrypted_unless_configured_otherwise() {
        assert_eq!(mode("postgres:///db?host=/run/postgresql"), SslMode::Disable);
        assert_eq!(mode("postgres://u@127.0.0.1/db"), SslMode::Disable);
        assert_eq!(mode("postgres://u@[::1]/db"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.internal/db"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.internal,127.0.0.1/db"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.internal/db?sslmode=disable"), SslMode::Disable);
        assert_eq!(
            mode("postgres://u@db.internal/db?application_name=x&sslmode=verify-full"),
            SslMode::Require
        );
        assert_eq!(mode("postgres://u@127.0.0.1/db?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgresql://u@db.internal/db?sslmode=prefer"), SslMode::Prefer);
        assert_eq!(
            mode("postgres://u@a.internal:5432,b.internal:5433/db?target_session_attrs=read-write"),
            SslMode::Require
        );
        assert_eq!(mode("postgres://u@127.0.0.1,[::1]/db"), SslMode::Disable);
    }

    #[test]
    fn a_bad_url_is_refused_without_being_quoted() {
        for url in [
            "postgres://u:hunter2@db/x?sslmode=maybe",
            "postgres://u:hunter2@db/x?bad=1",
            "postgres://u:hunter2@db:port/x",
            "postgres://u:hunter2@/x",
            "user=u password=hunter2",
            "hunter2",
        ] {
            let error = Address::parse(&Secret::new(url), Duration::from_secs(1))
                .err()
                .expect(url)
                .to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_parameter() {
        for (url, named) in [
            ("postgres://db/x?sslmode=maybe", "sslmode"),
            ("postgres://db/x?bad=1", "`bad`"),
            ("postgres://db/x?connect_timeout=soon", "`connect_timeout`"),
            ("postgres://db:port/x", "`port`"),
            (
                "postgres://db/x?sslmode=require&sslrootcert=%2Fno%2Fsuch",
                "sslrootcert /no/such",
            ),
        ] {
            let error = Address::parse(&Secret::new(url), Duration::from_secs(1))
                .err()
                .expect(url)
                .to_string();
            assert!(error.contains(named), "{url}: {error}");
        }
    }

    #[test]
    fn what_else_a_url_says_reaches_the_server_as_it_is_written() {
        let url = "postgres://u%40x:p%3Fw@db/x?sslmode=require&options=-c%20geqo%3Doff&application_name=a%26b";
        let config = Address::parse(&Secret::new(url), Duration::from_secs(1))
            .unwrap()
            .config;
        assert_eq!(
            (config.get_user(), config.get_password()),
            (Some("u@x"), Some(&b"p?w"[..]))
        );
        assert_eq!(config.get_options(), Some("-c geqo=off"));
        assert_eq!(config.get_application_name(), Some("a&b"));
    }
}
