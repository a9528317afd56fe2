//! `[telemetry]`: logs and traces. Metrics have no settings; the server API exposes them.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// The settings of logs and traces.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Which log lines are written.
    pub log: String,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The OTLP endpoint that receives traces, if set.
    pub otlp_endpoint: Option<String>,
    /// Name of the service in traces.
    pub service_name: String,
    /// Fraction of locally started traces that is kept.
    pub trace_ratio: f64,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line, for programs.
    Json,
    /// Plain text, for people.
    Text,
}

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 5] = [
    Setting {
        key: "telemetry.log",
        default: Some("info"),
        description: "Which log lines are written: a level, or levels per module such as \
               `info,gateway::session=debug`.",
        reason: "What an operator needs on a normal day, without a line per event.",
        ..BLANK
    },
    Setting {
        key: "telemetry.log_format",
        kind: Kind::Choice(&["json", "text"]),
        default: Some("json"),
        dev: Some("text"),
        description: "Format of log lines: `json`, one object per line, or `text`.",
        reason: "In production programs read the logs; in `dev` you do.",
        ..BLANK
    },
    Setting {
        key: "telemetry.otlp_endpoint",
        description: "OTLP endpoint over HTTP that receives traces, such as `http://collector:4318`. If unset, \
               no traces are sent.",
        reason: "Only you know where the collector is.",
        ..BLANK
    },
    Setting {
        key: "telemetry.service_name",
        default: Some("wirebell"),
        description: "Name of the service in traces.",
        reason: "The name of the program; a different name distinguishes two installations.",
        ..BLANK
    },
    Setting {
        key: "telemetry.trace_ratio",
        kind: Kind::Ratio(0.0, 1.0),
        default: Some("1.0"),
        description: "Fraction, from 0 to 1, of locally started traces that is kept. The sampling decision of \
               a caller takes precedence.",
        reason: "Complete until the volume is a problem, which only you can judge.",
        ..BLANK
    },
];

impl Telemetry {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let telemetry = Self {
            log: reader.text("telemetry.log").unwrap_or_default(),
            log_format: match reader.text("telemetry.log_format").as_deref() {
                Some("text") => LogFormat::Text,
                _ => LogFormat::Json,
            },
            otlp_endpoint: reader.text("telemetry.otlp_endpoint"),
            service_name: reader.text("telemetry.service_name").unwrap_or_default(),
            trace_ratio: reader.ratio("telemetry.trace_ratio"),
        };
        telemetry.check(reader);
        telemetry
    }

    fn check(&self, reader: &mut Reader<'_>) {
        if EnvFilter::try_new(&self.log).is_err() {
            let expected =
                "a level (error, warn, info, debug, trace, off) or `module=level` pairs separated by commas";
            reader.error("telemetry.log", format!("`{}`", self.log), expected);
        }
        let usable = |endpoint: &String| url::Parts::of(endpoint).is_some_and(|parts| parts.is_web());
        if !self.otlp_endpoint.as_ref().is_none_or(usable) {
            // The message does not repeat the value, which may contain a password.
            reader.error("telemetry.otlp_endpoint", "another value", "a URL with http:// or https:// and a host");
        }
    }
}
