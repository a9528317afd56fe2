//! What a node remembers of its users' sessions, for all nodes to read.

use wirebell_protocol::Channel;
use wirebell_protocol::connection_log::ConnectionLogEntry;

/// Something that happened to a session, and to whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The user's channel.
    pub user: Channel,
    /// What happened.
    pub entry: ConnectionLogEntry,
}

/// Entries as they are read: in order of time, and once, since a node that got no answer writes again.
pub(super) fn in_order(mut entries: Vec<ConnectionLogEntry>) -> Vec<ConnectionLogEntry> {
    entries.sort_by_key(|entry| entry.at);
    let mut read: Vec<ConnectionLogEntry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let repeats = read.iter().rev().take_while(|known| known.at == entry.at).any(|known| *known == entry);
        if !repeats {
            read.push(entry);
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::NodeId;
    use wirebell_protocol::connection_log::ConnectionEvent;

    use super::*;

    #[test]
    fn what_was_written_twice_is_read_once() {
        let entry = |at, why: &str| {
            ConnectionLogEntry::of_node(at, NodeId::from_bits(7), ConnectionEvent::Closed { why: why.into() })
        };
        let (a, b, c) = (entry(5, "client"), entry(5, "stop"), entry(4, "client"));
        let read = in_order(vec![a.clone(), b.clone(), a.clone(), c.clone(), b.clone()]);
        assert_eq!(read, [c, a, b]);
    }
}
