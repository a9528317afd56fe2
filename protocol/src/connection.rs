//! Connection ids: they name their node, so an event to one connection needs no subscription of its own.

use std::fmt;
use std::str::FromStr;

/// A running node: eight characters of `a-z2-7`, chosen at its birth.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId([u8; 8]);

/// One client connection: its node's id, a dot, and a number in hexadecimal that the node never uses twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The node that holds the socket.
    pub node: NodeId,
    /// Which of its connections.
    pub number: u64,
}

/// The text is not an id that a node can have given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `<8 characters of a-z2-7>.<hexadecimal number>`")]
pub struct IdError;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl NodeId {
    /// A node id from forty random bits, which the caller brings.
    pub fn from_bits(bits: u64) -> Self {
        let mut text = [0; 8];
        for (index, byte) in text.iter_mut().enumerate() {
            *byte = ALPHABET[usize::try_from(bits >> (5 * index) & 31).unwrap_or(0)];
        }
        Self(text)
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| IdError)?;
        // Ids of an older alphabet may be met in a test or a log, so any lower-case letter or digit is taken.
        let known = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if known { Ok(Self(bytes)) } else { Err(IdError) }
    }
}

impl FromStr for ConnectionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (node, number) = text.split_once('.').ok_or(IdError)?;
        let canonical = number.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && (number == "0" || !number.starts_with('0'));
        if !canonical {
            return Err(IdError);
        }
        let number = u64::from_str_radix(number, 16).map_err(|_| IdError)?;
        Ok(Self { node: node.parse()?, number })
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:x}", self.node, self.number)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_round_trip() {
        let id = ConnectionId { node: NodeId::from_bits(0x00AB_CDEF_0123), number: 0x1f };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn what_no_node_gives_is_refused() {
        for text in
            ["", "k3j9x2ma", "k3j9x2ma.", "k3j9x2ma.xyz", "K3J9X2MA.1", "short.1", "k3j9x2ma.01", "k3j9x2ma.+1"]
        {
            assert_eq!(text.parse::<ConnectionId>(), Err(IdError), "{text:?}");
        }
    }
}
