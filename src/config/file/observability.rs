//! `observability:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::path::KeyPath;
use crate::log;

/// Logs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Observability {
    /// What Sidegate says about itself.
    pub log: Log,
    /// One line per request.
    pub access_log: AccessLog,
}

/// What Sidegate says about itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or per module: `info,sidegate::gate=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

/// One line per request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// The part of successful requests that is logged, 0.0 to 1.0. Refusals and errors always are.
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

/// `debug` or `module::path=debug`. Stricter than the filter itself, which takes `verbose` for the name of a module.
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
