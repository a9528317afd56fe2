//! The inbox' scripts, with their keys and arguments, for any Redis client.

use super::{Answer, Emission};
use crate::script::{Call, Script};
use crate::{ConnectionId, Keys, Shard};

/// Dead letters that a shard keeps at the most.
pub const MOST_DEAD: u32 = 1_000_000;

/// How long and how much the inbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Entries of each shard.
    pub length: u64,
    /// Milliseconds that an entry stays, read or not.
    pub age_millis: u64,
    /// Milliseconds that an id which a client gave is remembered.
    pub seen_millis: u64,
}

impl Default for Bounds {
    /// What is usual where nobody says otherwise.
    fn default() -> Self {
        Self { length: 100_000, age_millis: 7 * 24 * 3_600_000, seen_millis: 600_000 }
    }
}

/// Who emits: what the node knows of the connection, and no client can say of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emitter<'a> {
    /// The token's `sub`.
    pub user: &'a str,
    /// The token's `device`.
    pub device: Option<&'a str>,
    /// The connection.
    pub connection: ConnectionId,
}

/// What came of emitting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// The user had emitted that id before: it was not stored again.
    pub again: bool,
    /// How many services have ever read this part of the inbox.
    pub services: u64,
    /// What came of the event, if it was emitted before and is finished.
    pub answer: Option<Answer>,
}

/// What came of finishing with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is done with; the answer is for the connection and the `ref` of the entry.
    Done,
    /// The same, and the event was emitted again meanwhile: the answer is for this connection and `ref`. None if there is
    /// no `ref`.
    Instead(Option<(ConnectionId, String)>),
    /// Somebody else was done with it before: nobody is to be told.
    Gone,
}

/// Redis answered something that the script does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {0} script answered something else than it does")]
pub struct ReplyError(&'static str);

/// Puts an event into the inbox; answered as [`Emitted::read`] reads. `id` is for one that has none of its own.
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
    /// Reads the script's answer.
    pub fn read(words: &[String]) -> Result<Self, ReplyError> {
        let wrong = || ReplyError("emit");
        let [status, _, services, answer] = words else { return Err(wrong()) };
        let again = match status.as_str() {
            "new" => false,
            "again" => true,
            _ => return Err(wrong()),
        };
        let answer = match answer.as_str() {
            "" => None,
            text => Some(Answer::parse(text).ok_or_else(wrong)?),
        };
        Ok(Self { again, services: services.parse().map_err(|_| wrong())?, answer })
    }
}

/// A service is done with an entry of a shard; answered as [`Told::read`] reads. `of` is the user and the event's id, if
/// the entry could be read; `dead` the dead letter that it becomes.
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
        dead.map_or_else(String::new, |_| MOST_DEAD.to_string()),
    ];
    arguments.extend(dead.into_iter().flatten().flat_map(|(name, value)| [*name, *value].map(str::to_owned)));
    let names = vec![keys.inbox(shard), keys.inbox_dead(shard), keys.emitted_in(shard, user, id)];
    Call { script: Script::Answer, keys: names, arguments }
}

impl Told {
    /// Reads the script's answer.
    pub fn read(words: &[String]) -> Result<Self, ReplyError> {
        let wrong = || ReplyError("answer");
        let [status, connection, reference] = words else { return Err(wrong()) };
        match (status.as_str(), connection.as_str(), reference.as_str()) {
            ("gone", ..) => Ok(Self::Gone),
            ("done", "", _) => Ok(Self::Done),
            ("done", _, "") => Ok(Self::Instead(None)),
            ("done", connection, reference) => {
                Ok(Self::Instead(Some((connection.parse().map_err(|_| wrong())?, reference.to_owned()))))
            }
            _ => Err(wrong()),
        }
    }
}

/// The fields of a dead letter: those of the entry, and behind them who has given it up, after how many tries, and why.
pub fn dead_letter<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a String)>,
    group: &'a str,
    tries: &'a str,
    reason: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut letter: Vec<(&str, &str)> =
        fields.into_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    letter.sort_unstable();
    letter.extend([("group", group), ("tries", tries), ("reason", reason)]);
    letter
}
