//! `[drain]`: how a node is stopped.

use std::time::Duration;

use super::duration;
use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// How a node is stopped without its clients noticing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// How long the node is unready before its clients are told.
    pub notice: Duration,
    /// The time over which clients are told to come back elsewhere.
    pub window: Duration,
    /// From the first signal to the end, at the latest.
    pub deadline: Duration,
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 3] = [
    Setting {
        key: "drain.notice",
        kind: Kind::Duration(Duration::ZERO, HOUR),
        default: Some("5s"),
        dev: Some("0s"),
        description: "How long `/readyz` says no before the clients are told to leave.",
        reason: "A load balancer must have taken the node out first, or clients come straight back to it.",
        ..BLANK
    },
    Setting {
        key: "drain.window",
        kind: Kind::Duration(Duration::ZERO, HOUR),
        default: Some("20s"),
        dev: Some("2s"),
        description: "The time over which the clients are spread when they are told to come back.",
        reason: "A full node's clients then arrive elsewhere at about a thousand a second, not all at once.",
        ..BLANK
    },
    Setting {
        key: "drain.deadline",
        kind: Kind::Duration(Duration::from_secs(1), HOUR),
        default: Some("45s"),
        dev: Some("10s"),
        description: "From the first signal to the end, at the latest. Notice and window must fit into it; whoever kills the \
               process must wait longer.",
        reason: "Notice and window take 25 seconds; the rest is for requests and closings that are slow.",
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
        let least = drain.notice.saturating_add(drain.window);
        if least > drain.deadline {
            let expected = format!("at least drain.notice and drain.window together, {}", duration::show(least));
            reader.error("drain.deadline", duration::show(drain.deadline), expected);
        }
        drain
    }
}
