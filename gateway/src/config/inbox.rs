//! `[inbox]`: events from clients, stored until services consume them.

use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// How events from clients are stored.
#[derive(Debug, Clone, Copy)]
pub struct Inbox {
    /// Maximum number of entries in each of the eight shards.
    pub max_length: usize,
    /// How long an entry is kept, consumed or not.
    pub max_age: Duration,
    /// How long the result of an event id is kept.
    pub seen: Duration,
    /// How long a client waits for a service's reply.
    pub reply_timeout: Duration,
}

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 4] = [
    Setting {
        key: "inbox.max_length",
        kind: Kind::Count(1, 100_000_000),
        default: Some("100000"),
        description: "Maximum number of events in each of the inbox's eight shards, consumed or not. A further \
               event evicts the oldest.",
        reason: "Hours of client events while a service is down, in some hundred megabytes of Redis.",
        ..BLANK
    },
    Setting {
        key: "inbox.max_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("7d"),
        description: "How long the inbox keeps an event, consumed or not.",
        reason: "A service that was down over a weekend still finds every event.",
        ..BLANK
    },
    Setting {
        key: "inbox.seen",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("10m"),
        description: "How long emitting the same id again has no effect and returns the first result.",
        reason: "Longer than a phone is offline and still retries; each id costs a key in Redis for this time.",
        ..BLANK
    },
    Setting {
        key: "inbox.reply_timeout",
        kind: Kind::Duration(Duration::from_millis(10), Duration::from_secs(600)),
        default: Some("10s"),
        description: "How long a client that emits with a `ref` waits for the service's reply before it \
               receives an error.",
        reason: "Longer than a user waits without noticing, and shorter than a user waits before giving up.",
        ..BLANK
    },
];

impl Inbox {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            max_length: reader.count("inbox.max_length"),
            max_age: reader.duration("inbox.max_age"),
            seen: reader.duration("inbox.seen"),
            reply_timeout: reader.duration("inbox.reply_timeout"),
        }
    }
}
