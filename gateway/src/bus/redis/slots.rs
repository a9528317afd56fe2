//! Which server holds what: the slots of a Cluster, or all of them on one server.

use std::collections::HashSet;
use std::fmt;

use redis::Value;

/// The slots of a Cluster.
const SLOTS: u16 = 16_384;

/// Where a server listens.
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
    /// One server has them all.
    pub(super) fn all_at(address: Address) -> Self {
        Self { ranges: vec![(0, SLOTS - 1, address)] }
    }

    /// Reads the answer to `CLUSTER SLOTS` of the server at `asked`. None if it is not one, or not every slot has
    /// an owner.
    pub(super) fn read(answer: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(rows) = answer else { return None };
        let mut ranges: Vec<_> = rows.iter().map(|row| range(row, asked)).collect::<Option<_>>()?;
        ranges.sort_by_key(|(first, ..)| *first);
        let mut next = 0;
        for (first, last, _) in &ranges {
            if *first != next {
                return None;
            }
            next = last.checked_add(1)?;
        }
        (next == SLOTS).then_some(Self { ranges })
    }

    /// Who has the slot of this name.
    pub(super) fn owner(&self, name: &str) -> Option<&Address> {
        if let [(_, _, only)] = self.ranges.as_slice() {
            return Some(only);
        }
        let slot = fred::util::redis_keyslot(name.as_bytes());
        let place = self.ranges.partition_point(|(_, last, _)| *last < slot);
        self.ranges.get(place).map(|(.., owner)| owner)
    }

    /// All owners.
    pub(super) fn owners(&self) -> HashSet<&Address> {
        self.ranges.iter().map(|(.., owner)| owner).collect()
    }
}

/// `[first, last, [host, port, …], …replicas]`.
fn range(row: &Value, asked: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    // A server that does not know its own host leaves it out: then it is the one by which it was reached.
    let host = match host {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => str::from_utf8(host).ok()?,
        _ => &asked.host,
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
    fn every_name_has_the_owner_of_its_slot() {
        let asked = Address::new("10.0.0.9", 1);
        let rows = vec![row(8_000, 16_383, "", 3), row(0, 5, "10.0.0.1", 1), row(6, 7_999, "10.0.0.2", 2)];
        let slots = Slots::read(&Value::Array(rows), &asked).unwrap();
        // `CLUSTER KEYSLOT` says 12739, 5061 and 238 of these.
        for (name, owner) in
            [("123456789", "10.0.0.9:3"), ("wb:{bar}:announce", "10.0.0.2:2"), ("hash", "10.0.0.2:2")]
        {
            assert_eq!(slots.owner(name).unwrap().to_string(), owner, "{name}");
        }
        assert_eq!(slots.owners().len(), 3);
    }

    #[test]
    fn a_map_with_holes_is_none() {
        let asked = Address::new("h", 1);
        for rows in [
            vec![],
            vec![row(0, 5, "h", 1)],
            vec![row(0, 5, "h", 1), row(7, 16_383, "h", 1)],
            vec![row(1, 16_383, "h", 1)],
            vec![row(0, 70_000, "h", 1)],
        ] {
            assert_eq!(Slots::read(&Value::Array(rows), &asked), None);
        }
    }
}
