//! The connection logs of users: recent events of their sessions, shared by all nodes.

use wirebell_protocol::Channel;
use wirebell_protocol::connection_log::ConnectionLogEntry;

/// An entry for the connection log of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLogEntry {
    /// The user's channel.
    pub user: Channel,
    /// The entry.
    pub entry: ConnectionLogEntry,
}

/// Returns the entries sorted by time and without duplicates, since a node that got no answer
/// writes again.
pub(super) fn sort_and_dedup(mut entries: Vec<ConnectionLogEntry>) -> Vec<ConnectionLogEntry> {
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
    fn entries_written_twice_are_read_once() {
        let entry = |at, why: &str| {
            ConnectionLogEntry::of_node(at, NodeId::from_bits(7), ConnectionEvent::Closed { why: why.into() })
        };
        let (a, b, c) = (entry(5, "client"), entry(5, "stop"), entry(4, "client"));
        let read = sort_and_dedup(vec![a.clone(), b.clone(), a.clone(), c.clone(), b.clone()]);
        assert_eq!(read, [c, a, b]);
    }
}
