//! Sends a message with SMTP, over a connection of its own.
//!
//! Connections are not reused: after an aborted conversation the reply to one message could be taken for that of the
//! next, and a message that counts as sent by mistake is lost.

use std::net::IpAddr;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;

use crate::mail::not_sent::NotSent;
use crate::secret::Secret;

/// Replies to `MAIL`, `RCPT` or `DATA` about the authentication and not about the message (RFC 4954 section 6). The
/// operator has to fix that, and the message is retried.
const ABOUT_THE_LOGIN: [&str; 4] = ["530", "534", "535", "538"];
/// The timeout of `QUIT`.
const PARTING: Duration = Duration::from_secs(2);
/// The longest reply that is stored as the reason, in characters.
const REASON_MAX: usize = 200;

/// `auth.mail.smtp`: the mail server.
#[derive(Clone)]
pub struct Smtp {
    /// The host name, which the certificate is verified for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The encryption of the connection.
    pub security: Security,
    /// The credentials.
    pub login: Option<(String, Secret)>,
    /// The timeout of the whole conversation.
    pub timeout: Duration,
    tls: Option<TlsParameters>,
}

/// The encryption of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte: `smtps://`.
    Tls,
    /// STARTTLS before anything else: `smtp://`. Nothing is sent to a server that does not support it.
    StartTls,
    /// No encryption, to this machine only.
    None,
}

impl Smtp {
    /// A server whose certificate is verified with the system's authorities, or with those in `ca` (PEM) only.
    ///
    /// # Errors
    /// When `ca` contains no certificates, or the system has none.
    pub fn new(
        host: String,
        port: u16,
        security: Security,
        login: Option<(String, Secret)>,
        timeout: Duration,
        ca: Option<&[u8]>,
    ) -> Result<Self, String> {
        let tls = match security {
            Security::None => None,
            Security::Tls | Security::StartTls => Some(tls(&host, ca)?),
        };
        Ok(Self {
            host,
            port,
            security,
            login,
            timeout,
            tls,
        })
    }

    /// Sends a message in a conversation of its own.
    pub(crate) async fn send(&self, envelope: &Envelope, message: &[u8]) -> Result<(), NotSent> {
        let mut connection = self.connect().await?;
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            // A failed authentication is not a fault of the message, whatever the reply code is.
            connection
                .auth(DEFAULT_MECHANISMS, &credentials)
                .await
                .map_err(|error| NotSent::Later(format!("signing in: {}", reason(&error))))?;
        }
        connection.send(envelope, message).await.map_err(|error| {
            let code = error.status().map(|code| code.to_string()).unwrap_or_default();
            if error.is_permanent() && !ABOUT_THE_LOGIN.contains(&code.as_str()) {
                NotSent::Never(reason(&error))
            } else {
                NotSent::Later(reason(&error))
            }
        })?;
        // The message is accepted. QUIT has its own timeout: if it exceeded that of the conversation, the message would
        // be sent again.
        tokio::spawn(async move { tokio::time::timeout(PARTING, connection.quit()).await });
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, NotSent> {
        let later = |error| NotSent::Later(reason(&error));
        let hello = ClientId::default();
        let from_the_start = self.tls.clone().filter(|_| self.security == Security::Tls);
        let server = (self.host.trim_matches(['[', ']']), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &hello, from_the_start, None)
                .await
                .map_err(later)?;
        if self.security == Security::StartTls
            && let Some(tls) = &self.tls
        {
            connection.starttls(tls.clone(), &hello).await.map_err(later)?;
        }
        // From here on the conversation contains email addresses, codes and a password.
        if self.security != Security::None && !connection.is_encrypted() {
            return Err(NotSent::Later("the connection is not encrypted".to_owned()));
        }
        Ok(connection)
    }
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("login", &self.login)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn tls(host: &str, ca: Option<&[u8]>) -> Result<TlsParameters, String> {
    let mut builder = TlsParametersBuilder::new(host.trim_matches(['[', ']']).to_owned());
    if let Some(pem) = ca {
        let authority = Certificate::from_pem(pem).map_err(|_| "holds no certificates in PEM".to_owned())?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authority);
    }
    builder
        .build_rustls()
        .map_err(|error| format!("TLS cannot be used: {error}"))
}

/// Whether `host` is this machine: only there messages can be sent without encryption.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The reason for the log and the table: short, printable, and without email addresses, which servers repeat.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    without_addresses(&error.to_string())
}

fn without_addresses(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.map(|word| if word.contains('@') { "[address]" } else { word });
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_contains_no_email_address_and_no_line_break() {
        assert_eq!(
            without_addresses("permanent error (550): 5.1.1 <alice@example.com>: unknown\r\nuser"),
            "permanent error (550): 5.1.1 [address] unknown user"
        );
        assert_eq!(without_addresses(&"x".repeat(900)).len(), REASON_MAX);
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "127.0.0.1", "[::1]", "127.9.9.9"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "mail.example.com",
            "10.0.0.1",
            "localhost.example.com",
            "0.0.0.0",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
