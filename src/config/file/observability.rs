//! `observability:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use crate::log;

/// Logging.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Observability {
    /// The log of the process.
    pub log: Log,
    /// The access log: one line per request.
    pub access_log: AccessLog,
}

/// The log of the process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The format of a line.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or per module: `info,sidegate::gate=debug`.
    pub level: String,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// Text for people.
    Text,
}

/// The access log: one line per request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// The fraction of successful requests that is logged, 0.0 to 1.0. Refusals and errors are always logged.
    pub sample: f64,
}

impl From<LogFormat> for log::Format {
    fn from(written: LogFormat) -> Self {
        match written {
            LogFormat::Json => Self::Json,
            LogFormat::Text => Self::Text,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            level: "info".to_owned(),
        }
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { sample: 1.0 }
    }
}

impl Observability {
    pub(in super::super) fn check(&self, at: &KeyPath, findings: &mut Findings) {
        let level = &self.log.level;
        if !level.split(',').all(is_directive) {
            let expected =
                "a level (error, warn, info, debug, trace), or levels per module such as info,sidegate::gate=debug";
            findings.expected(&at.key("log").key("level"), expected, format_args!("{level:?}"));
        }
        let sample = self.access_log.sample;
        if !(0.0..=1.0).contains(&sample) {
            findings.expected(&at.key("access_log").key("sample"), "0.0 to 1.0", sample);
        }
    }
}

/// Whether a text is `debug` or `module::path=debug`. Stricter than the filter itself, which takes `verbose` for a module.
fn is_directive(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    match text.split_once('=') {
        None => LEVELS.contains(&text),
        Some((module, level)) => {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
            LEVELS.contains(&level) && !module.is_empty() && module.bytes().all(legal)
        }
    }
}
