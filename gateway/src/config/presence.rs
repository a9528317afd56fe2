//! `[presence]`: which users are online.

use std::time::Duration;

use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// Whether and how nodes track which users are online.
#[derive(Debug, Clone)]
pub struct Presence {
    /// Whether presence is tracked.
    pub enabled: bool,
    /// Delay between a user's last disconnect and `user.offline`.
    pub grace: Duration,
}

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 2] = [
    Setting {
        key: "presence.enabled",
        kind: Kind::Flag,
        default: Some("true"),
        description: "Whether nodes track which users are online: for `GET /v1/users`, for `user.online` and \
               `user.offline` in the inbox, and for `sessions.max_per_user`. All nodes of an installation must \
               use the same value.",
        reason: "It costs some 200 bytes of Redis for each online user, and nothing while sessions neither \
               open nor close.",
        ..BLANK
    },
    Setting {
        key: "presence.grace",
        kind: Kind::Duration(Duration::from_secs(1), Duration::from_secs(3_600)),
        default: Some("3s"),
        description: "Delay between a user's last disconnect and `user.offline`. If a node was killed, the \
               delay starts when its lease was last renewed.",
        reason: "Longer than a page reload or a move to another node takes. The end of a node is still \
               reported within 5 seconds.",
        ..BLANK
    },
];

impl Presence {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self { enabled: reader.flag("presence.enabled"), grace: reader.duration("presence.grace") }
    }
}
