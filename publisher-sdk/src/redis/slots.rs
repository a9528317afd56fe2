//! Maps hash slots to servers: the slots of a Cluster, or all slots on one server.

use std::fmt;

use redis::Value;

/// Number of slots of a Cluster.
const SLOTS: u16 = 16_384;

/// The host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The owners of the slots as first slot, last slot, owner, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots(Vec<(u16, u16, Address)>);

impl Slots {
    /// Assigns all slots to one server.
    pub(super) fn all_at(address: Address) -> Self {
        Self(vec![(0, SLOTS - 1, address)])
    }

    /// Parses the reply of `server` to `CLUSTER SLOTS`. Returns `None` for another reply, and if a
    /// slot has no owner: channels in it could not be published to.
    pub(super) fn read(answer: &Value, server: &Address) -> Option<Self> {
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
        (next == SLOTS).then_some(Self(ranges))
    }

    /// Returns the owner of the key's slot.
    pub(super) fn owner(&self, key: &str) -> Option<&Address> {
        let slot = slot(key);
        let index = self.0.partition_point(|(_, last, _)| *last < slot);
        self.0.get(index).map(|(.., owner)| owner)
    }

    /// Returns all owners, each once.
    pub(super) fn owners(&self) -> Vec<Address> {
        let mut owners: Vec<Address> = Vec::new();
        for (.., owner) in &self.0 {
            if !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
        owners
    }
}

/// Parses `[first, last, [host, port, …], …replicas]`.
fn range(row: &Value, server: &Address) -> Option<(u16, u16, Address)> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    // A server that does not know its own host omits it: use the host by which it was reached.
    let host = match host {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => String::from_utf8(host.clone()).ok()?,
        _ => server.host.clone(),
    };
    let address = Address { host, port: u16::try_from(*port).ok()? };
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, address))
}

/// Returns the slot of a key: CRC-16/XMODEM over its hash tag, or over the key if it has none.
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let crc = hashed.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_equal_those_of_redis() {
        for (key, expected) in [
            ("123456789", 12_739),
            ("wb:{user:42}:log", 15_880),
            ("user:42", 15_880),
            ("bar", 5_061),
            ("{}bar", 6_479),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    #[test]
    fn slot_map_with_holes_is_rejected() {
        let server = Address { host: "h".to_owned(), port: 1 };
        let row = |first, last| {
            let primary = vec![Value::BulkString(b"h".to_vec()), Value::Int(1)];
            Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(primary)])
        };
        for rows in [vec![], vec![row(0, 5)], vec![row(0, 5), row(7, 16_383)], vec![row(1, 16_383)]] {
            assert_eq!(Slots::read(&Value::Array(rows), &server), None);
        }
        let slots = Slots::read(&Value::Array(vec![row(6, 16_383), row(0, 5)]), &server).unwrap();
        assert_eq!((slots.owner("bar"), slots.owners().len()), (Some(&server), 1));
    }
}
