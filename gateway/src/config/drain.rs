//! `[drain]`: graceful shutdown of a node.

use std::time::Duration;

use super::duration;
use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// How a node shuts down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// How long the node is unready before clients are asked to reconnect.
    pub notice: Duration,
    /// Period over which the clients' reconnects are spread.
    pub window: Duration,
    /// Maximum time from the first signal to the end of the process.
    pub deadline: Duration,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        key: "drain.notice",
        kind: Kind::Duration(Duration::ZERO, HOUR),
        default: Some("5s"),
        dev: Some("0s"),
        description: "How long `/readyz` reports unready before clients are asked to reconnect.",
        reason: "The load balancer must remove the node first, or clients reconnect to the same node.",
        ..BLANK
    },
    Setting {
        key: "drain.window",
        kind: Kind::Duration(Duration::ZERO, HOUR),
        default: Some("20s"),
        dev: Some("2s"),
        description: "Period over which the clients' reconnects are spread.",
        reason: "The clients of a full node then reconnect at about a thousand per second instead of all at once.",
        ..BLANK
    },
    Setting {
        key: "drain.deadline",
        kind: Kind::Duration(Duration::from_secs(1), HOUR),
        default: Some("45s"),
        dev: Some("10s"),
        description: "Maximum time from the first signal to the end of the process. It must cover notice and \
               window. A supervisor that kills the process must wait longer.",
        reason: "Notice and window take 25 seconds; the rest is for slow requests and closes.",
        ..BLANK
    },
];

impl Drain {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let drain = Self {
            notice: reader.duration("drain.notice"),
            window: reader.duration("drain.window"),
            deadline: reader.duration("drain.deadline"),
        };
        let min = drain.notice.saturating_add(drain.window);
        if min > drain.deadline {
            let expected = format!("at least drain.notice and drain.window together, {}", duration::show(min));
            reader.error("drain.deadline", duration::show(drain.deadline), expected);
        }
        drain
    }
}
