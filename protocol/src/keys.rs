//! The names of everything in Redis. All keys of a channel share a hash tag, so that they live in one slot of a
//! Cluster and one script may touch them all.

use crate::channel::{Channel, Kind};
use crate::connection::NodeId;

/// The prefix that keeps installations apart which share a Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: Box<str>,
}

/// The prefix is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 32 characters of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`")]
pub struct PrefixError;

/// One of the parts that timers, and what follows from them, are spread over, by the event's id; and those that the inbox
/// is spread over, by the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u8);

impl Shard {
    /// How many there are: enough to spread them over the primaries of a Cluster, few enough to be asked by every node
    /// several times a second.
    pub const COUNT: u8 = 8;

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The one of an event or of a user, by the FNV-1a hash of the id: every port computes the same with few lines.
    pub fn of(id: &str) -> Self {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = id.bytes().fold(0x811c_9dc5, step);
        Self(u8::try_from(hash % u32::from(Self::COUNT)).unwrap_or_default())
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self { prefix: "wb".into() }
    }
}

impl Keys {
    /// Keys that begin with `prefix:`.
    pub fn new(prefix: &str) -> Result<Self, PrefixError> {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if (1..=32).contains(&prefix.len()) && prefix.bytes().all(known) {
            Ok(Self { prefix: prefix.into() })
        } else {
            Err(PrefixError)
        }
    }

    /// The Stream that is the channel's log.
    pub fn log(&self, channel: &Channel) -> String {
        self.of(channel, "log")
    }

    /// The cursor of the channel's last event, and the version of its last retained value. They outlive both, so that a
    /// client which comes back to an empty log can still be told whether it has missed anything.
    pub fn end(&self, channel: &Channel) -> String {
        self.of(channel, "end")
    }

    /// Where the outcome of an event id is remembered, so that publishing it again changes nothing.
    pub fn seen(&self, channel: &Channel, event_id: &str) -> String {
        format!("{}:{event_id}", self.of(channel, "seen"))
    }

    /// The channel's retained values, a hash.
    pub fn retained(&self, channel: &Channel) -> String {
        self.of(channel, "retained")
    }

    /// What became of an event on the channel, a hash.
    pub fn record(&self, channel: &Channel, event_id: &str) -> String {
        format!("{}{event_id}", self.records(channel))
    }

    /// What the keys of all records of the channel begin with.
    pub fn records(&self, channel: &Channel) -> String {
        format!("{}:", self.of(channel, "record"))
    }

    /// The cursors of the channel's events that wait for acknowledgements, a Stream.
    pub fn watched(&self, channel: &Channel) -> String {
        self.of(channel, "watched")
    }

    /// How far each device has acknowledged what stands in [`watched`](Self::watched), a hash.
    pub fn acknowledged(&self, channel: &Channel) -> String {
        self.of(channel, "acknowledged")
    }

    /// What happened of late to the sessions of the channel's user, a list.
    pub fn history(&self, channel: &Channel) -> String {
        self.of(channel, "history")
    }

    /// What is written before waiting for a replica, so that there is something to wait for: in the slot of this key.
    pub fn barrier(beside: &str) -> String {
        let tag = beside.find('}').map_or(beside, |end| &beside[..=end]);
        format!("{tag}:barrier")
    }

    fn of(&self, channel: &Channel, what: &str) -> String {
        match channel.kind() {
            Kind::Connection(id) => format!("{}:{}:{what}:{:x}", self.prefix, node_tag(id.node), id.number),
            _ => format!("{}:{{{channel}}}:{what}", self.prefix),
        }
    }

    /// The timers of a shard, a sorted set.
    pub fn timers(&self, shard: Shard) -> String {
        self.due(shard, "timers")
    }

    /// Where the events of a shard go that nobody has acknowledged by their deadline, a Stream.
    pub fn fallback(&self, shard: Shard) -> String {
        self.due(shard, "fallback")
    }

    /// What a service could not take over in several tries, a Stream.
    pub fn dead_letters(&self, shard: Shard) -> String {
        self.due(shard, "dead")
    }

    /// What became of the events of a shard, a Stream.
    pub fn receipts(&self, shard: Shard) -> String {
        self.due(shard, "receipts")
    }

    /// What has fallen back of late, so that nothing does so twice; a sorted set.
    pub fn fallen(&self, shard: Shard) -> String {
        self.due(shard, "fallen")
    }

    /// The channels of an event that has a record, a set: the event is known by its id only.
    pub fn channels(&self, event_id: &str) -> String {
        format!("{}:{event_id}", self.due(Shard::of(event_id), "channels"))
    }

    fn due(&self, Shard(number): Shard, what: &str) -> String {
        format!("{}:{{due:{number}}}:{what}", self.prefix)
    }

    /// What clients have emitted, a Stream. A user's events are in the shard of the user's id.
    pub fn inbox(&self, shard: Shard) -> String {
        self.of_inbox(shard, "events")
    }

    /// What a service could not handle in several tries, a Stream.
    pub fn inbox_dead(&self, shard: Shard) -> String {
        self.of_inbox(shard, "dead")
    }

    /// What is remembered of an id that a user's client has given to an event, a hash. A user's id has no white space.
    pub fn emitted(&self, user: &str, event_id: &str) -> String {
        self.emitted_in(Shard::of(user), user, event_id)
    }

    pub(crate) fn emitted_in(&self, shard: Shard, user: &str, event_id: &str) -> String {
        format!("{}:{user} {event_id}", self.of_inbox(shard, "seen"))
    }

    /// The users of a shard who are online, a hash: since when, and their sessions.
    pub fn online(&self, shard: Shard) -> String {
        self.of_inbox(shard, "online")
    }

    /// The same users in the order of their ids, a sorted set.
    pub fn online_users(&self, shard: Shard) -> String {
        self.of_inbox(shard, "users")
    }

    /// Users without a session who are not yet offline, and when they will be; a sorted set.
    pub fn leaving(&self, shard: Shard) -> String {
        self.of_inbox(shard, "leaving")
    }

    /// The nodes' leases in a shard, and until when they live; a sorted set.
    pub fn leases(&self, shard: Shard) -> String {
        self.of_inbox(shard, "leases")
    }

    /// Leases that have ended and whose sessions are to be cleared up, a sorted set.
    pub fn ended_leases(&self, shard: Shard) -> String {
        self.of_inbox(shard, "ended")
    }

    /// What else is noted of the leases of a shard, a hash.
    pub fn presence_notes(&self, shard: Shard) -> String {
        self.of_inbox(shard, "notes")
    }

    /// What the names of the nodes' orders begin with. Behind it stand a colon and the node; each is a list.
    pub fn orders(&self, shard: Shard) -> String {
        self.of_inbox(shard, "orders")
    }

    fn of_inbox(&self, Shard(number): Shard, what: &str) -> String {
        format!("{}:{{inbox:{number}}}:{what}", self.prefix)
    }

    /// The sharded pub/sub channel on which events of the channel are announced. All connections of a node share
    /// the node's, so that a connection costs no subscription of its own.
    pub fn announce(&self, channel: &Channel) -> String {
        match channel.kind() {
            Kind::Connection(id) => self.announce_node(id.node),
            _ => format!("{}:{{{channel}}}:announce", self.prefix),
        }
    }

    /// The sharded pub/sub channel of one node.
    pub fn announce_node(&self, node: NodeId) -> String {
        format!("{}:{}:announce", self.prefix, node_tag(node))
    }

    /// A sharded pub/sub channel on which a node hears itself. Only the number is in the hash tag: whoever tries one
    /// number after the other finds a name in any slot.
    pub fn canary(&self, number: u32, node: NodeId) -> String {
        format!("{}:{{c:{number}}}:canary:{node}", self.prefix)
    }

    /// The tokens that were revoked, a hash.
    pub fn revocations(&self) -> String {
        format!("{}:{{revocations}}:all", self.prefix)
    }

    /// The sorted set of the nodes that live.
    pub fn nodes(&self) -> String {
        format!("{}:{{nodes}}:alive", self.prefix)
    }
}

fn node_tag(node: NodeId) -> String {
    format!("{{node:{node}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_channel_share_their_hash_tag() {
        let keys = Keys::new("shop").unwrap();
        for name in ["user:42", "topic:a:b", "all", "conn:abcdefgh.1f"] {
            let channel = Channel::parse(name).unwrap();
            let tag = |key: String| key[key.find('{').unwrap()..=key.find('}').unwrap()].to_owned();
            let log = tag(keys.log(&channel));
            assert_eq!(tag(keys.seen(&channel, "e}1")), log);
            assert_eq!(tag(keys.announce(&channel)), log);
            assert_eq!(tag(keys.end(&channel)), log);
            assert_eq!(tag(keys.record(&channel, "e}1")), log);
            assert_eq!(tag(keys.retained(&channel)), log);
            assert_eq!(tag(keys.watched(&channel)), log);
            assert_eq!(tag(keys.acknowledged(&channel)), log);
            assert_eq!(tag(Keys::barrier(&keys.log(&channel))), log);
        }
    }

    #[test]
    fn all_keys_of_a_users_inbox_share_their_hash_tag() {
        let (keys, shard) = (Keys::default(), Shard::of("42"));
        let tag = format!("wb:{{inbox:{}}}:", shard.number());
        for key in [keys.inbox(shard), keys.inbox_dead(shard), keys.emitted("42", "e}1"), keys.emitted("42", "{x}")]
        {
            assert!(key.starts_with(&tag), "{key}");
        }
        assert_ne!(keys.emitted("a", "b:c"), keys.emitted("a:b", "c"));
    }

    #[test]
    fn a_shard_is_that_of_the_hash() {
        // From the table of test vectors of FNV-1a: "" is 811c9dc5, "a" is e40c292c, "foobar" is bf9cf968.
        for (id, hash) in [("", 0x811c_9dc5_u32), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(u32::from(Shard::of(id).number()), hash % 8, "{id}");
        }
    }

    #[test]
    fn a_prefix_is_a_plain_word() {
        for bad in ["", "a b", "a:b", "{a}", &"x".repeat(33)] {
            assert_eq!(Keys::new(bad), Err(PrefixError), "{bad}");
        }
    }
}
