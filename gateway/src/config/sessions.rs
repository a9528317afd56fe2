//! `[sessions]`: how many sessions a user may have.

use wirebell_protocol::presence::{SessionPolicy, WhenFull};

use super::presence::Presence;
use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// The settings of this section.
pub(super) const SETTINGS: [Setting; 2] = [
    Setting {
        key: "sessions.max_per_user",
        kind: Kind::Count(0, 10_000),
        default: Some("0"),
        description: "Maximum number of sessions of a user on all nodes together; 0 is unlimited. With a \
               limit, no client is accepted while Redis is unreachable.",
        reason: "A user has many tabs and devices, and they do no harm; a limit makes each connection wait for \
               Redis.",
        ..BLANK
    },
    Setting {
        key: "sessions.when_full",
        kind: Kind::Choice(&["replace_oldest", "refuse"]),
        default: Some("replace_oldest"),
        description: "What happens to a connection that exceeds the limit: it replaces the user's oldest \
               session, which is closed with 4409, or it is rejected with 4429.",
        reason: "A user who signs in on a new device should get in; a forgotten session should not prevent that.",
        ..BLANK
    },
];

/// Reads the policy.
pub(super) fn read(reader: &mut Reader<'_>) -> SessionPolicy {
    let when_full = reader.text("sessions.when_full").and_then(|name| WhenFull::parse(&name));
    let max: usize = reader.count("sessions.max_per_user");
    SessionPolicy { max_sessions: u32::try_from(max).unwrap_or(u32::MAX), when_full: when_full.unwrap_or_default() }
}

/// Checks that presence is enabled if there is a limit: presence counts the sessions.
pub(super) fn check(policy: SessionPolicy, presence: &Presence, reader: &mut Reader<'_>) {
    if policy.max_sessions > 0 && !presence.enabled {
        let found = format!("{} while `presence.enabled` is false", policy.max_sessions);
        reader.error("sessions.max_per_user", found, "0, or `presence.enabled` set to true");
    }
}
