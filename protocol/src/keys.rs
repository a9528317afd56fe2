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
        match channel.kind() {
            Kind::Connection(id) => format!("{}:{}:log:{:x}", self.prefix, node_tag(id.node), id.number),
            _ => format!("{}:{{{channel}}}:log", self.prefix),
        }
    }

    /// The cursor of the channel's last event. It outlives the log, so that a client which comes back to an empty log
    /// can still be told whether it has missed anything.
    pub fn end(&self, channel: &Channel) -> String {
        match channel.kind() {
            Kind::Connection(id) => format!("{}:{}:end:{:x}", self.prefix, node_tag(id.node), id.number),
            _ => format!("{}:{{{channel}}}:end", self.prefix),
        }
    }

    /// Where the outcome of an event id is remembered, so that publishing it again changes nothing.
    pub fn seen(&self, channel: &Channel, event_id: &str) -> String {
        match channel.kind() {
            Kind::Connection(id) => {
                format!("{}:{}:seen:{:x}:{event_id}", self.prefix, node_tag(id.node), id.number)
            }
            _ => format!("{}:{{{channel}}}:seen:{event_id}", self.prefix),
        }
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
        }
    }

    #[test]
    fn a_prefix_is_a_plain_word() {
        for bad in ["", "a b", "a:b", "{a}", &"x".repeat(33)] {
            assert_eq!(Keys::new(bad), Err(PrefixError), "{bad}");
        }
    }
}
