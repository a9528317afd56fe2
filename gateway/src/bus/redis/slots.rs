//! Which server owns which slots: the slot map of a Cluster, or one server that owns all slots.

use std::collections::HashSet;
use std::fmt;

use redis::Value;

/// The number of slots in a Cluster.
const SLOT_COUNT: u16 = 16_384;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The owners of the slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Slots {
    /// First slot, last slot, owner; in order.
    ranges: Vec<(u16, u16, Address)>,
}

impl Slots {
    /// Creates a map in which one server owns all slots.
    pub(super) fn all_at(address: Address) -> Self {
        Self { ranges: vec![(0, SLOT_COUNT - 1, address)] }
    }

    /// Parses the reply of `server` to `CLUSTER SLOTS`. Returns `None` for another reply, and if a
    /// slot has no owner: channels in it could not be subscribed.
    pub(super) fn parse(answer: &Value, server: &Address) -> Option<Self> {
        let Value::Array(rows) = answer else { return None };
        let mut ranges: Vec<_> = rows.iter().map(|row| range(row, server)).collect::<Option<_>>()?;
        ranges.sort_by_key(|(first, ..)| *first);
        let mut next = 0;
        for (first, last, _) in &ranges {
            if *first != next {
                return None;
            }
            next = last.checked_add(1)?;
        }
        (next == SLOT_COUNT).then_some(Self { ranges })
    }

    /// Returns the owner of the slot of this key or channel name.
    pub(super) fn owner(&self, name: &str) -> Option<&Address> {
        if let [(_, _, only)] = self.ranges.as_slice() {
            return Some(only);
        }
        let slot = fred::util::redis_keyslot(name.as_bytes());
        let index = self.ranges.partition_point(|(_, last, _)| *last < slot);
        self.ranges.get(index).map(|(.., owner)| owner)
    }

    /// Returns all owners.
    pub(super) fn owners(&self) -> HashSet<&Address> {
        self.ranges.iter().map(|(.., owner)| owner).collect()
    }
}

/// Parses `[first, last, [host, port, …], …replicas]`.
fn range(row: &Value, server: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    // A server that does not know its own host leaves it out. Its host is then the one by which it
    // was reached.
    let host = match host {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => str::from_utf8(host).ok()?,
        _ => &server.host,
    };
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, Address::new(host, u16::try_from(*port).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: i64, last: i64, host: &str, port: i64) -> Value {
        let primary = vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString(b"id".to_vec())];
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(primary)])
    }

    #[test]
    fn name_belongs_to_the_owner_of_its_slot() {
        let server = Address::new("10.0.0.9", 1);
        let rows = vec![row(8_000, 16_383, "", 3), row(0, 5, "10.0.0.1", 1), row(6, 7_999, "10.0.0.2", 2)];
        let slots = Slots::parse(&Value::Array(rows), &server).unwrap();
        // `CLUSTER KEYSLOT` returns 12739, 5061 and 238 for these names.
        for (name, owner) in
            [("123456789", "10.0.0.9:3"), ("wb:{bar}:announce", "10.0.0.2:2"), ("hash", "10.0.0.2:2")]
        {
            assert_eq!(slots.owner(name).unwrap().to_string(), owner, "{name}");
        }
        assert_eq!(slots.owners().len(), 3);
    }

    #[test]
    fn slot_map_with_gaps_is_rejected() {
        let server = Address::new("h", 1);
        for rows in [
            vec![],
            vec![row(0, 5, "h", 1)],
            vec![row(0, 5, "h", 1), row(7, 16_383, "h", 1)],
            vec![row(1, 16_383, "h", 1)],
            vec![row(0, 70_000, "h", 1)],
        ] {
            assert_eq!(Slots::parse(&Value::Array(rows), &server), None);
        }
    }
}
