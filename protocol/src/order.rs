//! Orders: what a node is told to do to one of its sessions. They wait in a list of the node's until it has carried them
//! out; that they are announced as well only makes them arrive sooner.

use crate::ConnectionId;

/// What a node has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// A newer session of the user has taken this one's place.
    Evict(ConnectionId),
    /// A service wants this session to end, for this reason, which may be empty.
    Disconnect(ConnectionId, String),
}

/// What an order begins with.
pub(crate) const WORD: &str = "order ";

impl Order {
    /// The session that it is about.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Evict(connection) | Self::Disconnect(connection, _) => *connection,
        }
    }

    /// The order as a message: one header line, and the rest.
    pub fn encode(&self) -> String {
        match self {
            Self::Evict(connection) => format!("{WORD}evict {connection}\n"),
            Self::Disconnect(connection, reason) => format!("{WORD}disconnect {connection}\n{reason}"),
        }
    }

    /// Reads a message; none if it is not an order of this version.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (header, rest) = std::str::from_utf8(message).ok()?.split_once('\n')?;
        let (what, connection) = header.strip_prefix(WORD)?.split_once(' ')?;
        let connection = connection.parse().ok()?;
        match what {
            "evict" => Some(Self::Evict(connection)),
            "disconnect" => Some(Self::Disconnect(connection, rest.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_round_trip() {
        let connection: ConnectionId = "k3j9x2ma.1f".parse().unwrap();
        for order in [Order::Evict(connection), Order::Disconnect(connection, "signed out\neverywhere".to_owned())]
        {
            assert_eq!(Order::decode(order.encode().as_bytes()), Some(order));
        }
        for strange in ["", "order evict k3j9x2ma.1f", "order evict x\n", "order dance k3j9x2ma.1f\n", "1 d x\n"] {
            assert_eq!(Order::decode(strange.as_bytes()), None, "{strange:?}");
        }
    }
}
