//! Builds a MIME message (RFC 5322) with a text and an HTML body.

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::mail::settings::Mail;
use crate::mail::templates::Rendered;
use crate::mail::{Recipient, sanitize};

/// A message that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The MIME message.
    pub(crate) message: Message,
    /// The text body, for the transport `log`.
    pub(crate) text: String,
}

/// Builds the MIME message. `id` is that of the row, so that a message that is sent twice has the same `Message-ID`.
///
/// # Errors
/// When the email address is not valid.
pub(crate) fn write(
    mail: &Mail,
    to: &Recipient,
    rendered: Rendered,
    id: Uuid,
    at: OffsetDateTime,
) -> Result<Written, String> {
    let address: Address = to
        .email
        .parse()
        .map_err(|_| "email: not a valid email address".to_owned())?;
    // `name` contains no line breaks, so that it cannot start a header of its own; the library quotes the rest.
    let to = Mailbox::new(to.name.as_deref().and_then(sanitize::name), address);
    let mut builder = Message::builder()
        .from(mail.from.clone())
        .to(to)
        .subject(sanitize::line(&rendered.subject))
        .date(at.into())
        .message_id(Some(format!("<{id}@{}>", mail.from.email.domain())))
        // Prevents automatic replies (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let bodies = MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html);
    let message = builder.multipart(bodies).map_err(|error| error.to_string())?;
    Ok(Written {
        message,
        text: rendered.text,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use time::macros::datetime;

    use super::*;
    use crate::mail::links::{Link, Links};
    use crate::mail::settings::{Retry, Transport, mailbox};
    use crate::mail::templates::Templates;

    fn written(name: &str, subject: &str) -> String {
        let link = Link("https://gw.test/{token}".into());
        let mail = Mail {
            from: mailbox("Wiki <no-reply@gw.test>").unwrap(),
            reply_to: None,
            transport: Transport::File {
                directory: PathBuf::new(),
            },
            product: "Wiki".into(),
            home: None,
            links: Links {
                reset: link.clone(),
                invitation: link,
            },
            retry: Retry::default(),
            templates: Arc::new(Templates::shipped()),
        };
        let to = Recipient {
            user_id: None,
            email: "alice@example.com".into(),
            name: Some(name.into()),
        };
        let rendered = Rendered {
            subject: subject.into(),
            text: "text".into(),
            html: "<p>html</p>".into(),
        };
        let written = write(&mail, &to, rendered, Uuid::nil(), datetime!(2026-11-24 20:31 UTC)).unwrap();
        String::from_utf8(written.message.formatted()).unwrap()
    }

    fn header_names(message: &str) -> Vec<&str> {
        let head = message.split_once("\r\n\r\n").unwrap().0;
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split_once(':').unwrap().0).collect()
    }

    const NAMES: [&str; 8] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];

    #[test]
    fn a_message_has_its_headers_and_two_bodies() {
        let message = written("Alice", "Hi");
        assert_eq!(header_names(&message), NAMES);
        for part in [
            "To: Alice <alice@example.com>\r\n",
            "Date: Tue, 24 Nov 2026 20:31:00 +0000\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000000@gw.test>\r\n",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: text/html; charset=utf-8",
        ] {
            assert!(message.contains(part), "{part}\n{message}");
        }
    }

    #[test]
    fn nothing_that_is_said_can_begin_a_header() {
        for hostile in [
            "Alice\r\nBcc: eve",
            "Alice\nBcc: eve",
            "Alice\rBcc: eve",
            "Alice\u{2028}Bcc: eve",
            "Alice\u{85}Bcc: eve",
            "\r\n\r\n<script>",
            "Alice\" <eve>, \"",
            "Ünï\r\nBcc: eve",
        ] {
            let message = written(hostile, hostile);
            assert_eq!(header_names(&message), NAMES, "{hostile:?}: {message}");
            let to = message.split("\r\n").find(|line| line.starts_with("To:")).unwrap();
            assert!(to.contains("alice@example.com") && !to.contains("<eve>,"), "{to}");
        }
    }

    #[test]
    fn an_invalid_email_address_is_refused_and_not_corrected() {
        for email in [
            "alice@example.com\r\nBcc: eve@example.com",
            "alice",
            "a@b@c",
            "alice@example.com, eve@example.com",
        ] {
            assert!(email.parse::<Address>().is_err(), "{email}");
        }
    }
}
