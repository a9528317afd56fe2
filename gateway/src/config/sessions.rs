//! `[sessions]`: how many sessions a user may have.

use wirebell_protocol::presence::{Policy, WhenFull};

use super::presence::Presence;
use super::reader::Reader;
use super::setting::{BLANK, Kind, Setting};

/// The rows of this section.
pub(super) const SETTINGS: [Setting; 2] = [
    Setting {
        key: "sessions.max_per_user",
        kind: Kind::Count(0, 10_000),
        default: Some("0"),
        description: "Sessions that a user may have on all nodes together; 0 is any number. With a limit, nobody is let in while \
               Redis is away.",
        reason: "Tabs and devices of one user are many, and harmless; a limit makes each connection wait for Redis.",
        ..BLANK
    },
    Setting {
        key: "sessions.when_full",
        kind: Kind::Choice(&["replace_oldest", "refuse"]),
        default: Some("replace_oldest"),
        description: "What becomes of a connection that would be one too many: it takes the place of the user's oldest one, which \
               is closed with 4409, or it is refused with 4429.",
        reason: "Who signs in on a new device should get in; a session that was forgotten somewhere should not keep them out.",
        ..BLANK
    },
];

/// The policy.
pub(super) fn read(reader: &mut Reader<'_>) -> Policy {
    let when_full = reader.text("sessions.when_full").and_then(|name| WhenFull::parse(&name));
    let most: usize = reader.count("sessions.max_per_user");
    Policy { most: u32::try_from(most).unwrap_or(u32::MAX), when_full: when_full.unwrap_or_default() }
}

/// The limit is kept where it is known who is online.
pub(super) fn check(policy: Policy, presence: &Presence, reader: &mut Reader<'_>) {
    if policy.most > 0 && !presence.enabled {
        let found = format!("{} while `presence.enabled` is false", policy.most);
        reader.error("sessions.max_per_user", found, "0, or presence that is enabled");
    }
}
