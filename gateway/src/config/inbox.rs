//! `[inbox]`: what clients emit, on its way to the services.

use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// What is kept of clients' events.
#[derive(Debug, Clone, Copy)]
pub struct Inbox {
    /// Entries of each of the eight shards.
    pub max_length: usize,
    /// How long an entry stays, read or not.
    pub max_age: Duration,
    /// How long an id that a client gave is remembered.
    pub seen: Duration,
    /// How long a client waits for a service's answer.
    pub reply_timeout: Duration,
}

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 4] = [
    Setting {
        key: "inbox.max_length",
        kind: Kind::Count(1, 100_000_000),
        default: Some("100000"),
        description: "Events that each of the inbox' eight shards keeps, whether services have read them or not; one more pushes \
               out the oldest.",
        reason: "Hours of what clients emit, for a service that is down, in some hundred megabytes of Redis.",
        ..BLANK
    },
    Setting {
        key: "inbox.max_age",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(31_536_000)),
        default: Some("7d"),
        description: "How long the inbox keeps an event, read or not.",
        reason: "A service that was down over a weekend still finds everything.",
        ..BLANK
    },
    Setting {
        key: "inbox.seen",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(604_800)),
        default: Some("10m"),
        description: "How long emitting the same id again changes nothing and is answered as the first time.",
        reason: "Longer than a phone is without a network and still wants to know; each id costs a key in Redis as long.",
        ..BLANK
    },
    Setting {
        key: "inbox.reply_timeout",
        kind: Kind::Duration(Duration::from_millis(10), Duration::from_secs(600)),
        default: Some("10s"),
        description: "How long a client that emits with a `ref` waits for the service's answer until it is told that there is none.",
        reason: "Longer than a person waits without wondering, shorter than one waits at all.",
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
