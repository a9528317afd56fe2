//! `[presence]`: who is online.

use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// Who is online.
#[derive(Debug, Clone)]
pub struct Presence {
    /// Is it known?
    pub enabled: bool,
    /// How long a user without a session is not yet offline.
    pub grace: Duration,
}

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 2] = [
    Setting {
        key: "presence.enabled",
        kind: Kind::Flag,
        default: Some("true"),
        description: "Whether nodes tell who is online: for `GET /v1/users`, for `user.online` and `user.offline` in the inbox, and \
               for `sessions.max_per_user`. All nodes of an installation have to agree.",
        reason: "It costs some 200 bytes of Redis for each user who is online, and nothing while nobody comes or goes.",
        ..BLANK
    },
    Setting {
        key: "presence.grace",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("3s"),
        description: "How long a user has had no session until `user.offline` is told. Of a node that was killed it counts from \
               when the node was last heard of.",
        reason: "A reload of the page, or a move to another node, takes less; and the end of a node is told within 5 \
                  seconds.",
        ..BLANK
    },
];

impl Presence {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self { enabled: reader.flag("presence.enabled"), grace: reader.duration("presence.grace") }
    }
}
