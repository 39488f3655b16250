//! The templates of messages, in Jinja's language: built-in ones, and those of an operator in their place.
//!
//! A message has two files, `<message>.txt` and `<message>.html`, which extend `layout.txt` and `layout.html`. The text
//! starts with `Subject: …` and an empty line. In `.html` every value is escaped; in both, every value was sanitized
//! before.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::mail::links::Links;
use crate::mail::{Message, Recipient, sanitize};

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The built-in templates, by file name.
        const SHIPPED: &[(&str, &str)] = &[$(
            (concat!($name, ".txt"), include_str!(concat!("templates/", $name, ".txt"))),
            (concat!($name, ".html"), include_str!(concat!("templates/", $name, ".html"))),
        )*];
    };
}

shipped! {
    "layout",
    "email_verification",
    "email_change_old",
    "email_change_new",
    "email_changed",
    "registration_attempted",
    "password_reset",
    "password_changed",
    "new_device",
    "mfa_code",
    "mfa_added",
    "mfa_removed",
    "refresh_reused",
    "invitation",
}

/// The start of the first line of a text.
const SUBJECT: &str = "Subject:";

/// Templates that were checked with a sample of every message.
pub struct Templates {
    environment: Environment<'static>,
    /// The operator's templates, by file name.
    overridden: BTreeMap<String, String>,
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct TemplateError {
    /// The file, with its line if that is known.
    pub file: String,
    /// What is wrong.
    pub message: String,
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The branding: what all messages of an installation have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branding<'a> {
    pub(crate) product: &'a str,
    pub(crate) home: Option<&'a str>,
    pub(crate) links: &'a Links,
}

/// When a message was written, and until when its code or link works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dates {
    pub(crate) written: OffsetDateTime,
    pub(crate) good_until: OffsetDateTime,
}

impl Templates {
    /// The built-in templates.
    pub fn shipped() -> Self {
        Self::new(BTreeMap::new()).expect("ours are tested")
    }

    /// The built-in templates, some of them replaced by files of a directory.
    ///
    /// # Errors
    /// Every mistake in the directory.
    pub fn with_overrides(directory: &Path) -> Result<Self, Vec<TemplateError>> {
        let overridden = read(directory)?;
        Self::new(overridden).map_err(|errors| {
            let in_directory = |error: TemplateError| TemplateError {
                file: directory.join(error.file).display().to_string(),
                ..error
            };
            errors.into_iter().map(in_directory).collect()
        })
    }

    fn new(overridden: BTreeMap<String, String>) -> Result<Self, Vec<TemplateError>> {
        let mut environment = Environment::new();
        // An unknown variable is a typing mistake, and would leave a gap in the message.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            if has_extension(name, "html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
        let mut errors = Vec::new();
        for (name, ours) in SHIPPED {
            let source = overridden.get(*name).map_or(*ours, String::as_str).to_owned();
            if let Err(error) = environment.add_template_owned(*name, source) {
                errors.push(explained(name, &error));
            }
        }
        let templates = Self {
            environment,
            overridden,
        };
        if errors.is_empty() {
            errors = templates.try_all();
        }
        if errors.is_empty() { Ok(templates) } else { Err(errors) }
    }

    /// Renders a sample of each message, with and without a name.
    fn try_all(&self) -> Vec<TemplateError> {
        let link = super::links::Link("https://example.com/{token}".to_owned());
        let links = Links {
            reset: link.clone(),
            invitation: link,
        };
        let branding = Branding {
            product: "Example",
            home: Some("https://example.com"),
            links: &links,
        };
        let dates = Dates {
            written: OffsetDateTime::UNIX_EPOCH,
            good_until: OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(10),
        };
        let mut errors = Vec::new();
        for message in Message::samples() {
            for name in [None, Some("Alice".to_owned())] {
                let to = Recipient {
                    user_id: None,
                    email: "alice@example.com".to_owned(),
                    name,
                };
                if let Err(error) = self.render(branding, &to, &message, dates)
                    && !errors.contains(&error)
                {
                    errors.push(error);
                }
            }
        }
        errors
    }

    /// Renders a message.
    pub(crate) fn render(
        &self,
        branding: Branding<'_>,
        to: &Recipient,
        message: &Message,
        dates: Dates,
    ) -> Result<Rendered, TemplateError> {
        let values = values(branding, to, message, dates);
        let file = format!("{}.txt", message.as_str());
        let whole = tidy(&self.fill(&file, &values)?);
        let Some((subject, text)) = whole
            .strip_prefix(SUBJECT)
            .and_then(|rest| rest.split_once('\n'))
            .map(|(subject, text)| (sanitize::line(subject), text.trim_start()))
            .filter(|(subject, text)| !subject.is_empty() && !text.is_empty())
        else {
            let message = "expected `Subject: …` as its first line, and text below".to_owned();
            return Err(TemplateError { file, message });
        };
        Ok(Rendered {
            subject,
            text: text.to_owned(),
            html: self.fill(&format!("{}.html", message.as_str()), &values)?,
        })
    }

    fn fill(&self, file: &str, values: &Value) -> Result<String, TemplateError> {
        let template = self
            .environment
            .get_template(file)
            .map_err(|error| explained(file, &error))?;
        template.render(values.clone()).map_err(|error| explained(file, &error))
    }
}

/// Equal for equal templates, so that a reload detects a change. Prints digests, so that no text gets into a log.
impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = |text: &String| {
            let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            digest.as_ref()[..8].to_vec()
        };
        f.debug_map()
            .entries(self.overridden.iter().map(|(name, text)| (name, digest(text))))
            .finish()
    }
}

/// The variables of templates. All exist for every message; those of other messages are `none`.
fn values(branding: Branding<'_>, to: &Recipient, message: &Message, dates: Dates) -> Value {
    let at = dates
        .written
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
        .expect("these parts are in every date");
    let common = [
        ("product", Some(branding.product.to_owned())),
        ("home", branding.home.map(str::to_owned)),
        ("name", to.name.as_deref().and_then(sanitize::name)),
        ("email", Some(sanitize::line(&to.email))),
        ("at", Some(at)),
        ("valid_for", Some(in_words(dates.good_until - dates.written))),
    ];
    let own = match message {
        Message::EmailVerification { code } | Message::EmailChangeNew { code } | Message::MfaCode { code } => {
            vec![("code", sanitize::line(code))]
        }
        Message::EmailChangeOld { code, new_email } => {
            vec![("code", sanitize::line(code)), ("new_email", sanitize::line(new_email))]
        }
        Message::EmailChanged { new_email } => vec![("new_email", sanitize::line(new_email))],
        Message::RegistrationAttempted | Message::PasswordChanged => Vec::new(),
        Message::PasswordReset { token } => vec![("link", branding.links.reset.with(token))],
        Message::Invitation { token } => vec![("link", branding.links.invitation.with(token))],
        Message::NewDevice { device, address } => {
            vec![
                ("device", sanitize::device(device)),
                ("client_ip", sanitize::line(address)),
            ]
        }
        Message::RefreshReused { device } => vec![("device", sanitize::device(device))],
        Message::MfaAdded { method } | Message::MfaRemoved { method } => vec![("method", sanitize::line(method))],
    };
    let absent = ["code", "link", "new_email", "device", "client_ip", "method"].map(|name| (name, None));
    let own = own.into_iter().map(|(name, value)| (name, Some(value)));
    // Of two variables with one name the last one counts.
    Value::from_pairs(absent.into_iter().chain(common).chain(own))
}

/// `10 minutes`, `1 hour`, `3 days`: rounded down, so that a code never works for less time than the message says.
fn in_words(length: time::Duration) -> String {
    let (count, unit) = match length.whole_minutes() {
        minutes if minutes < 120 => (minutes.max(1), "minute"),
        minutes if minutes < 48 * 60 => (minutes / 60, "hour"),
        minutes => (minutes / (24 * 60), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Removes the empty lines that blocks leave behind.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim().lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// Reads the templates of a directory. Files that start with a dot are those of editors, or of Kubernetes.
fn read(directory: &Path) -> Result<BTreeMap<String, String>, Vec<TemplateError>> {
    let wrong = |file: PathBuf, message: String| TemplateError {
        file: file.display().to_string(),
        message,
    };
    let cannot_read = |error: std::io::Error| vec![wrong(directory.to_owned(), format!("cannot be read: {error}"))];
    let mut found = BTreeMap::new();
    let mut errors = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || !(has_extension(&name, "txt") || has_extension(&name, "html")) {
            continue;
        }
        if !SHIPPED.iter().any(|(known, _)| *known == name) {
            errors.push(wrong(path, "is the name of no message's template".to_owned()));
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => drop(found.insert(name, text)),
            Err(error) => errors.push(wrong(path, format!("cannot be read: {error}"))),
        }
    }
    errors.sort_by(|one, other| one.file.cmp(&other.file));
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// The library's error as file, line and sentence. The file can be the layout that a message extends.
fn explained(file: &str, error: &minijinja::Error) -> TemplateError {
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref()) {
        innermost = cause;
    }
    let file = innermost.name().unwrap_or(file);
    let line = innermost.line().map(|line| format!(":{line}")).unwrap_or_default();
    let detail = innermost
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    TemplateError {
        file: format!("{file}{line}"),
        message: format!("{}{detail}", innermost.kind()),
    }
}

#[cfg(test)]
mod tests;
