//! Connection ids. They contain the node's id, so an event to one connection needs no subscription.

use std::fmt;
use std::str::FromStr;

/// The id of a running node: eight characters of `a-z2-7`, chosen when the node starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId([u8; 8]);

/// The id of a client connection: the node's id, a dot, and a hexadecimal number unique on the
/// node.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The node that holds the socket.
    pub node: NodeId,
    /// The number of the connection on its node.
    pub number: u64,
}

/// The text is not an id that a node can have created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `<8 characters of a-z2-7>.<hexadecimal number>`")]
pub struct IdError;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl NodeId {
    /// Creates a node id from forty random bits of the caller.
    pub fn from_bits(bits: u64) -> Self {
        let mut text = [0; 8];
        for (index, byte) in text.iter_mut().enumerate() {
            *byte = ALPHABET[usize::try_from(bits >> (5 * index) & 31).unwrap_or(0)];
        }
        Self(text)
    }

    /// Returns the eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes: [u8; 8] = text.as_bytes().try_into().map_err(|_| IdError)?;
        // Any lower-case letter or digit is accepted: tests and logs may contain ids of an older
        // alphabet.
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
    fn connection_id_round_trips() {
        let id = ConnectionId { node: NodeId::from_bits(0x00AB_CDEF_0123), number: 0x1f };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn malformed_id_is_rejected() {
        for text in
            ["", "k3j9x2ma", "k3j9x2ma.", "k3j9x2ma.xyz", "K3J9X2MA.1", "short.1", "k3j9x2ma.01", "k3j9x2ma.+1"]
        {
            assert_eq!(text.parse::<ConnectionId>(), Err(IdError), "{text:?}");
        }
    }
}
