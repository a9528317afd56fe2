//! Calls of the inbox scripts: keys and arguments, for any Redis client.

use super::{Answer, Emission};
use crate::script::{Call, Script};
use crate::{ConnectionId, Keys, Shard};

/// Maximum number of dead letters in a shard.
pub const MAX_DEAD_LETTERS: u32 = 1_000_000;

/// Bounds of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Maximum number of entries in a shard.
    pub length: u64,
    /// Milliseconds that an entry is kept, consumed or not.
    pub age_millis: u64,
    /// Milliseconds that a client's event id is remembered.
    pub seen_millis: u64,
}

impl Default for Bounds {
    /// Returns the defaults of the configuration.
    fn default() -> Self {
        Self { length: 100_000, age_millis: 7 * 24 * 3_600_000, seen_millis: 600_000 }
    }
}

/// The sender of an event: facts that the node knows about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emitter<'a> {
    /// The token's `sub`.
    pub user: &'a str,
    /// The token's `device`.
    pub device: Option<&'a str>,
    /// The connection.
    pub connection: ConnectionId,
}

/// The result of emitting an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// The user has already emitted this id; the event was not stored again.
    pub duplicate: bool,
    /// Number of services that have ever consumed this shard.
    pub services: u64,
    /// The reply, if the event is a duplicate that a service has finished.
    pub answer: Option<Answer>,
}

/// The result of finishing an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishResult {
    /// Finished. The reply goes to the entry's own connection and `ref`.
    Finished,
    /// Finished, and the client emitted the event again meanwhile: the reply goes to this
    /// connection and `ref`. `None` if the later frame has no `ref`.
    Redirected(Option<(ConnectionId, String)>),
    /// Another worker finished the entry before; no reply is sent.
    AlreadyFinished,
}

/// The script's reply has an unexpected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected reply from the {0} script")]
pub struct ReplyError(&'static str);

/// Appends an event to the inbox. [`Emitted::read`] parses the reply. `id` is used if the emission
/// has none.
pub fn emit(keys: &Keys, from: &Emitter<'_>, emission: &Emission, id: &str, bounds: &Bounds) -> Call {
    let mut names = vec![keys.inbox(Shard::of(from.user))];
    names.extend(emission.id.as_ref().map(|id| keys.emitted(from.user, id)));
    let mut arguments = vec![
        bounds.length.to_string(),
        bounds.age_millis.to_string(),
        bounds.seen_millis.to_string(),
        from.connection.to_string(),
        emission.reference.clone().unwrap_or_default(),
    ];
    let mut field = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    field("id", emission.id.as_deref().unwrap_or(id));
    field("type", &emission.kind);
    field("user", from.user);
    field("data", &emission.data);
    if let Some(device) = from.device {
        field("device", device);
    }
    if let Some(traceparent) = &emission.traceparent {
        field("traceparent", traceparent);
    }
    Call { script: Script::Emit, keys: names, arguments }
}

impl Emitted {
    /// Parses the script's reply.
    pub fn read(words: &[String]) -> Result<Self, ReplyError> {
        let malformed = || ReplyError("emit");
        let [status, _, services, answer] = words else { return Err(malformed()) };
        let duplicate = match status.as_str() {
            "new" => false,
            "again" => true,
            _ => return Err(malformed()),
        };
        let answer = match answer.as_str() {
            "" => None,
            text => Some(Answer::parse(text).ok_or_else(malformed)?),
        };
        Ok(Self { duplicate, services: services.parse().map_err(|_| malformed())?, answer })
    }
}

/// Finishes an entry of a shard for a service. [`FinishResult::read`] parses the reply. `of` is the
/// user and the event's id, if the entry could be read. `dead` are the dead letter's fields, if the
/// service gave up.
pub fn answer(
    keys: &Keys,
    (shard, entry): (Shard, &str),
    group: &str,
    of: Option<(&str, &str)>,
    answer: Option<&Answer>,
    dead: Option<&[(&str, &str)]>,
) -> Call {
    let (user, id) = of.unwrap_or_default();
    let mut arguments = vec![
        group.to_owned(),
        entry.to_owned(),
        answer.map(Answer::text).unwrap_or_default(),
        dead.map_or_else(String::new, |_| MAX_DEAD_LETTERS.to_string()),
    ];
    arguments.extend(dead.into_iter().flatten().flat_map(|(name, value)| [*name, *value].map(str::to_owned)));
    let names = vec![keys.inbox(shard), keys.inbox_dead(shard), keys.emitted_in(shard, user, id)];
    Call { script: Script::Answer, keys: names, arguments }
}

impl FinishResult {
    /// Parses the script's reply.
    pub fn read(words: &[String]) -> Result<Self, ReplyError> {
        let malformed = || ReplyError("answer");
        let [status, connection, reference] = words else { return Err(malformed()) };
        match (status.as_str(), connection.as_str(), reference.as_str()) {
            ("gone", ..) => Ok(Self::AlreadyFinished),
            ("done", "", _) => Ok(Self::Finished),
            ("done", _, "") => Ok(Self::Redirected(None)),
            ("done", connection, reference) => {
                Ok(Self::Redirected(Some((connection.parse().map_err(|_| malformed())?, reference.to_owned()))))
            }
            _ => Err(malformed()),
        }
    }
}

/// Returns the fields of a dead letter: those of the entry, then the service's group, the number of
/// attempts and the reason.
pub fn dead_letter<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a String)>,
    group: &'a str,
    attempts: &'a str,
    reason: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut dead_letter: Vec<(&str, &str)> =
        fields.into_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    dead_letter.sort_unstable();
    dead_letter.extend([("group", group), ("tries", attempts), ("reason", reason)]);
    dead_letter
}
