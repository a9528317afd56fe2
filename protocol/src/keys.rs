//! Names of all Redis keys and pub/sub channels. All keys of a channel share a hash tag: they live
//! in one slot of a Redis Cluster, and one script can use them all.

use crate::channel::{Channel, Kind};
use crate::connection::NodeId;

/// Builds key names. The prefix separates installations that share a Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: Box<str>,
}

/// The prefix is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 32 characters of `a-z`, `A-Z`, `0-9`, `_`, `-` and `.`")]
pub struct PrefixError;

/// A shard. Timers, receipts and fallbacks are sharded by the event's id; the inbox and presence
/// are sharded by the user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u8);

impl Shard {
    /// Number of shards: enough to spread over the primaries of a Redis Cluster, few enough for
    /// every node to poll several times a second.
    pub const COUNT: u8 = 8;

    /// Returns all shards.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Returns the shard of an event's or user's id. The hash is FNV-1a because every SDK can
    /// implement it in a few lines.
    pub fn of(id: &str) -> Self {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = id.bytes().fold(0x811c_9dc5, step);
        Self(u8::try_from(hash % u32::from(Self::COUNT)).unwrap_or_default())
    }

    /// Returns the shard's number.
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
    /// Creates names that begin with `prefix:`.
    pub fn new(prefix: &str) -> Result<Self, PrefixError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if (1..=32).contains(&prefix.len()) && prefix.bytes().all(is_allowed) {
            Ok(Self { prefix: prefix.into() })
        } else {
            Err(PrefixError)
        }
    }

    /// The channel's log, a Stream.
    pub fn log(&self, channel: &Channel) -> String {
        self.of(channel, "log")
    }

    /// The cursor of the channel's last event and the version of its last retained value. They are
    /// kept longer than the log: a client that resumes on an empty log still learns about a gap.
    pub fn end(&self, channel: &Channel) -> String {
        self.of(channel, "end")
    }

    /// The reply to the first publish of an event id; makes publishing idempotent.
    pub fn seen(&self, channel: &Channel, event_id: &str) -> String {
        format!("{}:{event_id}", self.of(channel, "seen"))
    }

    /// The channel's retained values, a hash.
    pub fn retained(&self, channel: &Channel) -> String {
        self.of(channel, "retained")
    }

    /// The delivery record of an event on the channel, a hash.
    pub fn record(&self, channel: &Channel, event_id: &str) -> String {
        format!("{}{event_id}", self.records(channel))
    }

    /// The prefix of the channel's delivery records.
    pub fn records(&self, channel: &Channel) -> String {
        format!("{}:", self.of(channel, "record"))
    }

    /// The cursors of the channel's tracked events, a Stream.
    pub fn tracked(&self, channel: &Channel) -> String {
        self.of(channel, "watched")
    }

    /// The last cursor of [`tracked`](Self::tracked) that each device acknowledged, a hash.
    pub fn acknowledged(&self, channel: &Channel) -> String {
        self.of(channel, "acknowledged")
    }

    /// The connection log of the channel's user, a list.
    pub fn connection_log(&self, channel: &Channel) -> String {
        self.of(channel, "history")
    }

    /// The key that is written before waiting for a replica, in the slot of the given key. `WAIT`
    /// needs a write to wait for.
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

    /// The fallback stream of a shard: events without an acknowledgement by their deadline.
    pub fn fallback(&self, shard: Shard) -> String {
        self.due(shard, "fallback")
    }

    /// The dead letters of a shard's fallback consumers, a Stream.
    pub fn dead_letters(&self, shard: Shard) -> String {
        self.due(shard, "dead")
    }

    /// The receipts of a shard, a Stream.
    pub fn receipts(&self, shard: Shard) -> String {
        self.due(shard, "receipts")
    }

    /// Events that recently went to the fallback stream, a sorted set; prevents a second entry.
    pub fn fallen(&self, shard: Shard) -> String {
        self.due(shard, "fallen")
    }

    /// The channels of an event with a delivery record, a set. The API looks events up by id only.
    pub fn channels(&self, event_id: &str) -> String {
        format!("{}:{event_id}", self.due(Shard::of(event_id), "channels"))
    }

    fn due(&self, Shard(number): Shard, what: &str) -> String {
        format!("{}:{{due:{number}}}:{what}", self.prefix)
    }

    /// The inbox of a shard, a Stream. A user's events are in the shard of the user's id.
    pub fn inbox(&self, shard: Shard) -> String {
        self.of_inbox(shard, "events")
    }

    /// The dead letters of a shard's inbox consumers, a Stream.
    pub fn inbox_dead(&self, shard: Shard) -> String {
        self.of_inbox(shard, "dead")
    }

    /// State of an event id that a user's client chose, a hash. A user's id has no white space.
    pub fn emitted(&self, user: &str, event_id: &str) -> String {
        self.emitted_in(Shard::of(user), user, event_id)
    }

    pub(crate) fn emitted_in(&self, shard: Shard, user: &str, event_id: &str) -> String {
        format!("{}:{user} {event_id}", self.of_inbox(shard, "seen"))
    }

    /// The online users of a shard with their sessions, a hash.
    pub fn online(&self, shard: Shard) -> String {
        self.of_inbox(shard, "online")
    }

    /// The ids of the online users, a sorted set in lexicographical order.
    pub fn online_users(&self, shard: Shard) -> String {
        self.of_inbox(shard, "users")
    }

    /// Users without a session during their grace period, a sorted set by the time of its end.
    pub fn leaving(&self, shard: Shard) -> String {
        self.of_inbox(shard, "leaving")
    }

    /// The leases of the nodes in a shard, a sorted set by expiry.
    pub fn leases(&self, shard: Shard) -> String {
        self.of_inbox(shard, "leases")
    }

    /// Ended leases whose sessions must be cleared, a sorted set.
    pub fn ended_leases(&self, shard: Shard) -> String {
        self.of_inbox(shard, "ended")
    }

    /// Other state of a shard's leases, a hash.
    pub fn presence_notes(&self, shard: Shard) -> String {
        self.of_inbox(shard, "notes")
    }

    /// The prefix of the lists of node commands; a colon and the node's id follow.
    pub fn node_commands(&self, shard: Shard) -> String {
        self.of_inbox(shard, "orders")
    }

    fn of_inbox(&self, Shard(number): Shard, what: &str) -> String {
        format!("{}:{{inbox:{number}}}:{what}", self.prefix)
    }

    /// The sharded pub/sub channel for announcements of the channel. All connections of a node
    /// share the node's channel, so a connection needs no subscription of its own.
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

    /// The sharded pub/sub channel of a canary message that a node sends to itself. Only the number
    /// is in the hash tag: some number gives a name in any slot.
    pub fn canary(&self, number: u32, node: NodeId) -> String {
        format!("{}:{{c:{number}}}:canary:{node}", self.prefix)
    }

    /// The revoked tokens, a hash.
    pub fn revocations(&self) -> String {
        format!("{}:{{revocations}}:all", self.prefix)
    }

    /// The live nodes, a sorted set.
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
    fn keys_of_a_channel_share_a_hash_tag() {
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
            assert_eq!(tag(keys.tracked(&channel)), log);
            assert_eq!(tag(keys.acknowledged(&channel)), log);
            assert_eq!(tag(Keys::barrier(&keys.log(&channel))), log);
        }
    }

    #[test]
    fn keys_of_a_users_inbox_share_a_hash_tag() {
        let (keys, shard) = (Keys::default(), Shard::of("42"));
        let tag = format!("wb:{{inbox:{}}}:", shard.number());
        for key in [keys.inbox(shard), keys.inbox_dead(shard), keys.emitted("42", "e}1"), keys.emitted("42", "{x}")]
        {
            assert!(key.starts_with(&tag), "{key}");
        }
        assert_ne!(keys.emitted("a", "b:c"), keys.emitted("a:b", "c"));
    }

    #[test]
    fn shard_is_fnv_1a_modulo_8() {
        // FNV-1a test vectors: "" is 811c9dc5, "a" is e40c292c, "foobar" is bf9cf968.
        for (id, hash) in [("", 0x811c_9dc5_u32), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(u32::from(Shard::of(id).number()), hash % 8, "{id}");
        }
    }

    #[test]
    fn invalid_prefix_is_rejected() {
        for bad in ["", "a b", "a:b", "{a}", &"x".repeat(33)] {
            assert_eq!(Keys::new(bad), Err(PrefixError), "{bad}");
        }
    }
}
