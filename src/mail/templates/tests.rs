use time::macros::datetime;

use super::*;
use crate::mail::links::Link;

fn links() -> Links {
    Links {
        reset: Link("https://gw.test/reset-password?token={token}".into()),
        invitation: Link("https://gw.test/invitation?token={token}".into()),
    }
}

fn to(name: &str) -> Recipient {
    Recipient {
        user_id: None,
        email: "alice@example.com".into(),
        name: Some(name.into()),
    }
}

fn render(to: &Recipient, message: &Message) -> Rendered {
    let written = datetime!(2026-11-24 20:31 UTC);
    let dates = Dates {
        written,
        good_until: written + time::Duration::minutes(10),
    };
    let branding = Branding {
        product: "Wiki & Co",
        home: Some("https://gw.test"),
        links: &links(),
    };
    Templates::shipped().render(branding, to, message, dates).unwrap()
}

#[test]
fn every_message_has_a_subject_and_both_bodies_and_no_place_left_open() {
    for message in Message::samples() {
        let rendered = render(&to("Alice"), &message);
        let word = message.as_str();
        assert!(rendered.subject.contains("Wiki & Co"), "{word}: {}", rendered.subject);
        assert!(
            rendered.text.starts_with("Hello Alice,\n\n"),
            "{word}: {}",
            rendered.text
        );
        assert!(
            rendered.text.ends_with("--\nWiki & Co, https://gw.test\n"),
            "{word}: {}",
            rendered.text
        );
        assert!(
            rendered.html.contains("<p>Hello Alice,</p>"),
            "{word}: {}",
            rendered.html
        );
        assert!(rendered.html.contains("Wiki &amp; Co"), "{word}: {}", rendered.html);
        for body in [&rendered.text, &rendered.html] {
            assert!(!body.contains("{{") && !body.contains("{%"), "{word}: {body}");
            assert!(!body.contains("\n\n\n"), "{word}: {body}");
        }
    }
}

#[test]
fn both_bodies_say_what_the_message_is_about() {
    for message in Message::samples() {
        let rendered = render(&to("Alice"), &message);
        let said: &[&str] = match &message {
            Message::EmailVerification { .. } | Message::EmailChangeNew { .. } | Message::MfaCode { .. } => {
                &["123456", "10 minutes"]
            }
            Message::EmailChangeOld { .. } => &["123456", "10 minutes", "new@example.com"],
            Message::EmailChanged { .. } => &["new@example.com", "2026-11-24 20:31 UTC"],
            Message::RegistrationAttempted => &["alice@example.com", "2026-11-24 20:31 UTC"],
            Message::PasswordReset { .. } => &["https://gw.test/reset-password?token=c2FtcGxl", "10 minutes"],
            Message::PasswordChanged => &["2026-11-24 20:31 UTC"],
            Message::NewDevice { .. } => &["Firefox on Linux", "192.0.2.1", "2026-11-24 20:31 UTC"],
            Message::MfaAdded { method } | Message::MfaRemoved { method } if method == "totp" => {
                &["an authenticator app"]
            }
            Message::MfaAdded { .. } | Message::MfaRemoved { .. } => &["codes by email"],
            Message::RefreshReused { .. } => &["Firefox on Linux"],
            Message::Invitation { .. } => &["https://gw.test/invitation?token=c2FtcGxl", "alice@example.com"],
        };
        let as_html = |word: &str| word.replace('/', "&#x2f;");
        for word in said {
            assert!(rendered.text.contains(word), "{message:?}: {word}\n{}", rendered.text);
            let html = rendered.html.contains(word) || rendered.html.contains(&as_html(word));
            assert!(html, "{message:?}: {word}\n{}", rendered.html);
        }
    }
}

#[test]
fn a_subject_never_holds_a_code_since_servers_log_it() {
    for message in Message::samples() {
        let subject = render(&to("Alice"), &message).subject;
        assert!(
            !subject.contains("123456") && !subject.contains("c2FtcGxl"),
            "{subject}"
        );
    }
}

#[test]
fn markup_in_what_users_say_is_text_in_the_html_body() {
    let hostile = r#"<img src=x onerror=alert(1)>"'&"#;
    let messages = [
        Message::NewDevice {
            device: hostile.into(),
            address: hostile.into(),
        },
        Message::RefreshReused { device: hostile.into() },
        Message::EmailChanged {
            new_email: hostile.into(),
        },
        Message::MfaAdded { method: hostile.into() },
    ];
    for message in messages {
        let rendered = render(&to("<b>Alice</b>"), &message);
        assert!(
            !rendered.html.contains("<img") && !rendered.html.contains("<b>"),
            "{}",
            rendered.html
        );
        assert!(
            rendered.html.contains("&lt;img src=x onerror=alert(1)&gt;"),
            "{}",
            rendered.html
        );
        assert!(
            rendered.text.contains(hostile),
            "text is not escaped: {}",
            rendered.text
        );
    }
    // The near miss: a name without markup comes out as it is, also with an apostrophe in the text.
    assert!(
        render(&to("O'Brien"), &Message::PasswordChanged)
            .text
            .contains("Hello O'Brien,")
    );
}

#[test]
fn a_line_break_in_a_value_begins_no_line_of_its_own() {
    let device = "Firefox\r\nBcc: eve@example.com\r\n\r\nDear customer, send money".to_owned();
    let rendered = render(&to("Alice\r\nBcc: eve"), &Message::RefreshReused { device });
    for body in [&rendered.text, &rendered.html] {
        assert!(!body.contains("\nBcc") && !body.contains("\nDear"), "{body}");
    }
    assert!(
        rendered.text.starts_with("Hello,\n"),
        "not a valid name: {}",
        rendered.text
    );
}

#[test]
fn template_language_in_a_value_is_only_text() {
    let device = "{{ code }}{% include \"layout.txt\" %}".to_owned();
    let rendered = render(&to("Alice"), &Message::RefreshReused { device: device.clone() });
    assert!(rendered.text.contains(&device), "{}", rendered.text);
}

fn overridden(name: &str, text: &str) -> Result<Templates, Vec<TemplateError>> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), text).unwrap();
    let strip = |error: TemplateError| TemplateError {
        file: error.file.replace(&format!("{}/", directory.path().display()), ""),
        ..error
    };
    Templates::with_overrides(directory.path()).map_err(|errors| errors.into_iter().map(strip).collect())
}

#[test]
fn a_file_of_the_operator_takes_the_place_of_ours() {
    let templates = overridden("password_changed.txt", "Subject: Changed\n\nBye {{ email }}").unwrap();
    let links = links();
    let branding = Branding {
        product: "x",
        home: None,
        links: &links,
    };
    let dates = Dates {
        written: OffsetDateTime::UNIX_EPOCH,
        good_until: OffsetDateTime::UNIX_EPOCH,
    };
    let render = |message| templates.render(branding, &to("Alice"), &message, dates).unwrap();
    let rendered = render(Message::PasswordChanged);
    assert_eq!(
        (rendered.subject.as_str(), rendered.text.as_str()),
        ("Changed", "Bye alice@example.com\n")
    );
    assert!(rendered.html.contains("was changed on"), "the other stays ours");
    assert!(render(Message::RegistrationAttempted).text.contains("somebody tried"));
}

#[test]
fn a_mistake_in_a_file_is_reported_with_its_name_and_line() {
    let told = |name: &str, text: &str| {
        let errors = overridden(name, text).map(drop).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(told("mfa_code.txt", "Subject: a\n\n{{ code").starts_with("mfa_code.txt:3: "));
    let undefined = told("mfa_code.txt", "Subject: a\n\n{{ coed }}");
    assert!(undefined.starts_with("mfa_code.txt:3: undefined value"), "{undefined}");
    assert!(told("layout.html", "{% block body %}").starts_with("layout.html:1: "));
    assert_eq!(
        told("mfa_code.txt", "Your code: {{ code }}"),
        "mfa_code.txt: expected `Subject: …` as its first line, and text below"
    );
    assert_eq!(
        told("mfa_cod.txt", ""),
        "mfa_cod.txt: is the name of no message's template"
    );
}

#[test]
fn files_that_are_no_templates_are_left_alone() {
    for name in ["..data", ".mfa_code.txt.swp", "README.md"] {
        assert!(overridden(name, "{{").is_ok(), "{name}");
    }
    assert!(Templates::with_overrides(Path::new("/nowhere")).is_err());
}

#[test]
fn a_length_of_time_is_never_said_longer_than_it_is() {
    let said = |minutes: i64| in_words(time::Duration::minutes(minutes));
    assert_eq!(
        [0, 1, 10, 119, 120, 179, 2879, 2880, 10_079].map(said),
        [
            "1 minute",
            "1 minute",
            "10 minutes",
            "119 minutes",
            "2 hours",
            "2 hours",
            "47 hours",
            "2 days",
            "6 days"
        ]
    );
}
