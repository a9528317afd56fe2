//! All Redis scripts by name, and the arguments of a call.

use crate::publish::PublishScript;

/// A Redis script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// Publishes an event; see [`PublishScript`].
    Publish,
    /// Stores an event until its `deliver_at`.
    Schedule,
    /// Does what a delivery record says is due.
    Alarm,
    /// Acknowledges events for a device.
    Acknowledge,
    /// Records the status of an event on a connection.
    Note,
    /// Cancels a scheduled event.
    Cancel,
    /// Sets a timer.
    Register,
    /// Claims expired timers.
    Claim,
    /// Finishes a timer.
    Finish,
    /// Appends to connection logs.
    AppendConnectionLog,
    /// Appends a client's event to the inbox.
    Emit,
    /// Finishes an entry of the inbox.
    Answer,
    /// Renews a node's lease and sets users offline.
    PresenceRenew,
    /// Writes changes of a node's sessions.
    PresenceChange,
    /// Clears the sessions of an ended lease.
    PresenceClear,
    /// Gives a node's lease back.
    PresenceResign,
    /// Sends commands to disconnect sessions of a user.
    PresenceDisconnect,
    /// Lists online users.
    PresencePage,
    /// Adds a revocation.
    Revoke,
    /// Reads all revocations.
    Revocations,
}

/// Returns a presence script, with its common parts before it.
macro_rules! of_presence {
    ($name:literal) => {
        concat!(
            include_str!("inbox/append.lua"),
            include_str!("presence/entry.lua"),
            include_str!(concat!("presence/", $name, ".lua"))
        )
    };
}

/// One call of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The script.
    pub script: Script,
    /// The keys, all in one slot.
    pub keys: Vec<String>,
    /// The arguments.
    pub arguments: Vec<String>,
}

impl Script {
    /// All scripts.
    pub const ALL: [Self; 20] = [
        Self::Publish,
        Self::Schedule,
        Self::Alarm,
        Self::Acknowledge,
        Self::Note,
        Self::Cancel,
        Self::Register,
        Self::Claim,
        Self::Finish,
        Self::AppendConnectionLog,
        Self::Emit,
        Self::Answer,
        Self::PresenceRenew,
        Self::PresenceChange,
        Self::PresenceClear,
        Self::PresenceResign,
        Self::PresenceDisconnect,
        Self::PresencePage,
        Self::Revoke,
        Self::Revocations,
    ];

    /// Returns the source in Lua.
    pub fn source(self) -> &'static str {
        match self {
            Self::Publish => PublishScript::SOURCE,
            Self::Schedule => concat!(include_str!("publish/publish.lua"), include_str!("tracking/schedule.lua")),
            Self::Alarm => concat!(include_str!("publish/publish.lua"), include_str!("tracking/alarm.lua")),
            Self::Acknowledge => include_str!("tracking/acknowledge.lua"),
            Self::Note => include_str!("tracking/note.lua"),
            Self::Cancel => include_str!("tracking/cancel.lua"),
            Self::Register => include_str!("tracking/register.lua"),
            Self::Claim => include_str!("tracking/claim.lua"),
            Self::Finish => include_str!("tracking/finish.lua"),
            Self::AppendConnectionLog => include_str!("tracking/append_connection_log.lua"),
            Self::Emit => concat!(include_str!("inbox/append.lua"), include_str!("inbox/emit.lua")),
            Self::Answer => include_str!("inbox/answer.lua"),
            Self::PresenceRenew => of_presence!("renew"),
            Self::PresenceChange => of_presence!("change"),
            Self::PresenceClear => of_presence!("clear"),
            Self::PresenceResign => of_presence!("resign"),
            Self::PresenceDisconnect => of_presence!("disconnect"),
            Self::PresencePage => of_presence!("page"),
            Self::Revoke => include_str!("revocation/revoke.lua"),
            Self::Revocations => include_str!("revocation/revocations.lua"),
        }
    }
}
