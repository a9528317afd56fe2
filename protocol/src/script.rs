//! Every script that runs in Redis, by name, and what a call of one consists of.

use crate::publish::PublishScript;

/// A script, by its name and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// Publishes, as [`PublishScript`] says.
    Publish,
    /// Keeps an event until its time has come.
    Schedule,
    /// Asks a record what is due.
    Alarm,
    /// A device has handled events.
    Acknowledge,
    /// Something became of an event on a connection.
    Note,
    /// Cancels a scheduled event.
    Cancel,
    /// Sets a timer.
    Register,
    /// Takes timers that have gone off.
    Claim,
    /// Finishes with a timer.
    Finish,
    /// Appends to users' histories.
    Remember,
    /// Puts a client's event into the inbox.
    Emit,
    /// Finishes with an entry of the inbox.
    Answer,
    /// Renews a node's lease, and tells who is offline.
    PresenceRenew,
    /// Writes what has changed among a node's sessions.
    PresenceChange,
    /// Clears up the sessions of a node that is gone.
    PresenceClear,
    /// Gives a node's lease back.
    PresenceResign,
    /// Orders nodes to end sessions of a user.
    PresenceDisconnect,
    /// Lists who is online.
    PresencePage,
    /// Adds a revocation.
    Revoke,
    /// Reads all revocations.
    Revocations,
}

/// The script of that file of `presence`, behind what all of them begin with.
macro_rules! of_presence {
    ($name:literal) => {
        concat!(
            include_str!("inbox/append.lua"),
            include_str!("presence/entry.lua"),
            include_str!(concat!("presence/", $name, ".lua"))
        )
    };
}

/// The keys and arguments of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which script.
    pub script: Script,
    /// All in one slot.
    pub keys: Vec<String>,
    /// In their order.
    pub arguments: Vec<String>,
}

impl Script {
    /// Every script.
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
        Self::Remember,
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

    /// Its text, in Lua.
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
            Self::Remember => include_str!("tracking/remember.lua"),
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
