//! Checks `auth.mail` and converts it to the settings of the mail services.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::uri::Authority;

use super::super::super::super::findings::Findings;
use super::super::super::super::interpolate::Environment;
use super::super::super::super::path::KeyPath;
use super::super::super::super::text::address::Url;
use super::super::super::super::text::duration::Duration;
use super::{Mail, Smtp, Transport};
use crate::mail::links::{Link, Links};
use crate::mail::settings;
use crate::mail::settings::{Mailbox, Security, is_loopback};
use crate::mail::{TemplateError, Templates};
use crate::secret::Secret;

const SMTP_URL: &str = "a URL such as smtp://mail.example.com:587 or smtps://mail.example.com:465";

impl Mail {
    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super::super::super) fn settle(
        &self,
        public_url: Option<&Url>,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<settings::Mail> {
        let from = findings.required(&at.key("from"), self.from.as_ref());
        let from = from.and_then(|from| mailbox(from, &at.key("from"), findings));
        let reply_to = match &self.reply_to {
            Some(reply_to) => mailbox(reply_to, &at.key("reply_to"), findings).map(Some),
            None => Some(None),
        };
        if self.product.trim().is_empty() || self.product.chars().any(char::is_control) || self.product.len() > 64 {
            let got = format!("{:?}", self.product);
            findings.expected(&at.key("product"), "a name of 1 to 64 bytes", got);
        }
        self.check_retry(&at.key("retry"), findings);
        let transport = self.transport(public_url, at, environment, findings);
        let templates = self.templates(&at.key("templates"), findings);
        let links = self.links(public_url, &at.key("links"), findings);
        Some(settings::Mail {
            from: from?,
            reply_to: reply_to?,
            transport: transport?,
            product: self.product.clone(),
            home: public_url.map(ToString::to_string),
            links: links?,
            retry: settings::Retry {
                attempts: self.retry.attempts.into(),
                first: self.retry.first.0,
                max: self.retry.max.0,
            },
            templates: templates?,
        })
    }

    fn check_retry(&self, at: &KeyPath, findings: &mut Findings) {
        findings.range(&at.key("attempts"), self.retry.attempts.into(), 1..=1000);
        let first = Duration::ms(100)..=Duration::days(1);
        findings.range_of(&at.key("first"), &self.retry.first, &first);
        if self.retry.max < self.retry.first {
            let expected = format!("at least first ({})", self.retry.first);
            findings.expected(&at.key("max"), expected, self.retry.max);
        } else {
            findings.range_of(&at.key("max"), &self.retry.max, &first);
        }
    }

    fn transport(
        &self,
        public_url: Option<&Url>,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<settings::Transport> {
        if self.smtp.is_some() && self.transport != Transport::Smtp {
            findings.add(&at.key("smtp"), "is only for `transport: smtp`");
        }
        if self.directory.is_some() && self.transport != Transport::File {
            findings.add(&at.key("directory"), "is only for `transport: file`");
        }
        match self.transport {
            Transport::Smtp => {
                let smtp = findings.required(&at.key("smtp"), self.smtp.as_ref())?;
                let smtp = smtp.settle(&at.key("smtp"), environment, findings)?;
                Some(settings::Transport::Smtp(Box::new(smtp)))
            }
            Transport::File => {
                let directory = findings.required(&at.key("directory"), self.directory.as_ref())?;
                if directory.is_empty() {
                    findings.add(&at.key("directory"), "is empty");
                    return None;
                }
                Some(settings::Transport::File {
                    directory: PathBuf::from(directory),
                })
            }
            Transport::Log => {
                if !public_url.is_some_and(|url| is_loopback(&url.host())) {
                    findings.warn(
                        &at.key("transport"),
                        "`log` writes codes and links into the log, where others may read them: for development only",
                    );
                }
                Some(settings::Transport::Log)
            }
        }
    }

    fn templates(&self, at: &KeyPath, findings: &mut Findings) -> Option<Arc<Templates>> {
        let Some(directory) = &self.templates else {
            return Some(Arc::new(Templates::shipped()));
        };
        match Templates::with_overrides(Path::new(directory)) {
            Ok(templates) => Some(Arc::new(templates)),
            Err(errors) => {
                let lines: Vec<_> = errors.iter().map(TemplateError::to_string).collect();
                findings.add(at, lines.join("; "));
                None
            }
        }
    }

    fn links(&self, public_url: Option<&Url>, at: &KeyPath, findings: &mut Findings) -> Option<Links> {
        let mut link = |name: &str, written: &Option<String>, page: &str| {
            let at = at.key(name);
            match (written, public_url) {
                (Some(written), _) => link(written, public_url, &at, findings),
                (None, Some(url)) => {
                    let url = url.to_string();
                    Some(Link(format!("{}{page}{}", url.trim_end_matches('/'), Link::PLACE)))
                }
                (None, None) => {
                    findings.add(&at, "is required, unless server.public_url is given");
                    None
                }
            }
        };
        let reset = link("reset", &self.links.reset, "/reset-password?token=");
        let invitation = link("invitation", &self.links.invitation, "/accept-invitation?token=");
        Some(Links {
            reset: reset?,
            invitation: invitation?,
        })
    }
}

impl Smtp {
    fn settle(&self, at: &KeyPath, environment: Environment<'_>, findings: &mut Findings) -> Option<settings::Smtp> {
        let timeout = Duration::seconds(1)..=Duration::minutes(5);
        findings.range_of(&at.key("timeout"), &self.timeout, &timeout);
        let url = findings.required(&at.key("url"), self.url.as_ref());
        let server = url.and_then(|url| {
            let server = server(url);
            if let Err(message) = &server {
                findings.add(&at.key("url"), message);
            }
            server.ok()
        });
        let login = self.login(at, environment, findings);
        let ca = match &self.ca_file {
            None => Some(None),
            Some(file) => match std::fs::read(file) {
                Ok(pem) if pem_holds_certificate(&pem) => Some(Some(pem)),
                Ok(_) => {
                    findings.add(
                        &at.key("ca_file"),
                        format!("the file {file} holds no certificate in PEM"),
                    );
                    None
                }
                Err(error) => {
                    findings.add(&at.key("ca_file"), format!("cannot read the file {file}: {error}"));
                    None
                }
            },
        };
        let ((security, host, port), login, ca) = (server?, login?, ca?);
        if security == Security::None && self.ca_file.is_some() {
            findings.warn(&at.key("ca_file"), "is not used without TLS");
        }
        match settings::Smtp::new(host, port, security, login, self.timeout.0, ca.as_deref()) {
            Ok(smtp) => Some(smtp),
            Err(message) => {
                let key = if ca.is_some() { "ca_file" } else { "url" };
                findings.add(&at.key(key), message);
                None
            }
        }
    }

    #[expect(
        clippy::option_option,
        reason = "outside: whether it is right; inside: whether there is one"
    )]
    fn login(
        &self,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<Option<(String, Secret)>> {
        match (&self.user, &self.password) {
            (None, None) => Some(None),
            (Some(user), Some(password)) => {
                let password = password.fetch(&at.key("password"), environment, findings)?;
                Some(Some((user.clone(), password)))
            }
            (Some(_), None) => {
                findings.add(&at.key("password"), "is required with `user`");
                None
            }
            (None, Some(_)) => {
                findings.add(&at.key("user"), "is required with `password`");
                None
            }
        }
    }
}

fn mailbox(text: &str, at: &KeyPath, findings: &mut Findings) -> Option<Mailbox> {
    match settings::mailbox(text) {
        Ok(mailbox) => Some(mailbox),
        Err(expected) => {
            findings.expected(at, expected, format_args!("{text:?}"));
            None
        }
    }
}

/// Parses the URL of the mail server. Messages do not quote it, because it can contain a password.
fn server(url: &str) -> Result<(Security, String, u16), String> {
    let wrong = || {
        if url.contains('@') {
            format!("expected {SMTP_URL}; user and password have keys of their own")
        } else {
            format!("expected {SMTP_URL}, got {url:?}")
        }
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (authority, query) = match rest.split_once('?') {
        Some((authority, query)) => (authority, Some(query)),
        None => (rest, None),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains('@') {
        return Err(wrong());
    }
    let authority: Authority = authority.parse().map_err(|_| wrong())?;
    let host = authority.host().to_ascii_lowercase();
    let has_port = authority.as_str().len() > authority.host().len();
    if host.is_empty() || (has_port && authority.port_u16().is_none_or(|port| port == 0)) {
        return Err(wrong());
    }
    let (security, port) = match (scheme, query) {
        ("smtps", None) => (Security::Tls, 465),
        ("smtp", None) => (Security::StartTls, 587),
        ("smtp", Some("tls=none")) if is_loopback(&host) => (Security::None, 25),
        ("smtp", Some("tls=none")) => {
            return Err(
                "expected `tls=none` only for a server on this machine: email would be sent in plain text".into(),
            );
        }
        _ => return Err(wrong()),
    };
    Ok((security, host, authority.port_u16().unwrap_or(port)))
}

/// Checks a link: it has to be below `server.public_url`, or any `https` URL.
fn link(text: &str, public_url: Option<&Url>, at: &KeyPath, findings: &mut Findings) -> Option<Link> {
    let expected = "a URL below server.public_url, or any with https, with one {token} in its path, query or fragment";
    let below_public = public_url.is_some_and(|url| {
        let url = url.to_string();
        text.strip_prefix(url.trim_end_matches('/'))
            .is_some_and(|rest| rest.starts_with(['/', '?', '#']))
    });
    let (place, _) = text.split_once(['?', '#']).unwrap_or((text, ""));
    let host_is_fixed = place
        .replace(Link::PLACE, "x")
        .parse::<Url>()
        .is_ok_and(|url| (url.is_https() || below_public) && !url.host().contains(['{', '}']));
    let after_host = text
        .split_once("://")
        .and_then(|(_, rest)| rest.find(['/', '?', '#']).map(|index| &rest[index..]));
    let once =
        after_host.is_some_and(|rest| rest.matches(Link::PLACE).count() == 1) && text.matches(Link::PLACE).count() == 1;
    let printable = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"<>\"\\".contains(&byte));
    if host_is_fixed && once && printable {
        Some(Link(text.to_owned()))
    } else {
        findings.expected(at, expected, format_args!("{text:?}"));
        None
    }
}

fn pem_holds_certificate(pem: &[u8]) -> bool {
    let begin = b"-----BEGIN CERTIFICATE-----";
    pem.windows(begin.len()).any(|window| window == begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_reached_with_tls_unless_it_is_this_machine() {
        assert_eq!(
            server("smtp://mail.example.com"),
            Ok((Security::StartTls, "mail.example.com".into(), 587))
        );
        assert_eq!(
            server("smtps://Mail.example.com/"),
            Ok((Security::Tls, "mail.example.com".into(), 465))
        );
        assert_eq!(
            server("smtp://127.0.0.1:2525?tls=none"),
            Ok((Security::None, "127.0.0.1".into(), 2525))
        );
        assert_eq!(
            server("smtp://[::1]:26?tls=none"),
            Ok((Security::None, "[::1]".into(), 26))
        );
        for wrong in [
            "smtp://mail.example.com?tls=none",
            "smtp://mail.example.com?tls=opportunistic",
            "smtps://127.0.0.1?tls=none",
            "smtp://mail.example.com:0",
            "smtp://mail.example.com:",
            "smtp://mail.example.com/path",
            "smtp://",
            "mail.example.com:587",
            "http://mail.example.com",
        ] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
        let told = server("smtp://user:hunter2@mail.example.com").unwrap_err();
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_link_is_below_the_public_url_or_an_https_url() {
        let public: Url = "http://gw.test:8080".parse().unwrap();
        let accepted = |text: &str| link(text, Some(&public), &KeyPath::root(), &mut Findings::default()).is_some();
        for good in [
            "http://gw.test:8080/reset/{token}",
            "http://gw.test:8080/reset#token={token}",
            "https://app.example.com/reset?token={token}",
        ] {
            assert!(accepted(good), "{good}");
        }
        for wrong in [
            "http://app.example.com/reset?token={token}",
            "http://gw.test:8080.evil.example/{token}",
            "http://gw.test:80801/{token}",
            "https://{token}.example.com/",
            "https://example.com/{token}/{token}",
            "https://example.com/reset",
            "https://u@example.com/{token}",
            "https://example.com/\"><script>{token}",
            "/reset?token={token}",
            "javascript:alert({token})",
            "https://example.com/ {token}",
        ] {
            assert!(!accepted(wrong), "{wrong}");
        }
    }
}
