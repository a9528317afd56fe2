//! `[telemetry]`: logs and traces. Metrics need no setting: they are on the services' door.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};
use super::url;

/// What a node tells about itself.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Which log lines are written.
    pub log: String,
    /// How they are written.
    pub log_format: LogFormat,
    /// Where traces go, if anywhere.
    pub otlp_endpoint: Option<String>,
    /// What the node is called in traces.
    pub service_name: String,
    /// The part of the traces that begin here which is kept.
    pub trace_ratio: f64,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Text,
}

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 5] = [
    Setting {
        key: "telemetry.log",
        default: Some("info"),
        description: "Which log lines are written: a level, or levels per part such as `info,gateway::session=debug`.",
        reason: "What an operator needs on a normal day, and no line per event.",
        ..BLANK
    },
    Setting {
        key: "telemetry.log_format",
        kind: Kind::Choice(&["json", "text"]),
        default: Some("json"),
        dev: Some("text"),
        description: "How log lines are written: `json`, one object a line, or `text`.",
        reason: "In production programs read them; in `dev` you do.",
        ..BLANK
    },
    Setting {
        key: "telemetry.otlp_endpoint",
        description: "Where traces go, by OTLP over HTTP, such as `http://collector:4318`. Without it there are none.",
        reason: "Only you know where the collector is.",
        ..BLANK
    },
    Setting {
        key: "telemetry.service_name",
        default: Some("wirebell"),
        description: "What the node is called in traces.",
        reason: "The name of the program; another one tells two installations apart.",
        ..BLANK
    },
    Setting {
        key: "telemetry.trace_ratio",
        kind: Kind::Ratio(0.0, 1.0),
        default: Some("1.0"),
        description: "The part, from 0 to 1, of the traces that begin here which is kept; a caller's own decision stands.",
        reason: "Complete until the volume hurts, which only you can tell.",
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
                "a level (error, warn, info, debug, trace, off) or `part=level` pairs with commas between";
            reader.error("telemetry.log", format!("`{}`", self.log), expected);
        }
        let usable = |endpoint: &String| url::Parts::of(endpoint).is_some_and(|parts| parts.is_web());
        if !self.otlp_endpoint.as_ref().is_none_or(usable) {
            // The value may carry a password, so it is not repeated.
            reader.error("telemetry.otlp_endpoint", "something else", "a URL with http:// or https:// and a host");
        }
    }
}
