//! Commands from the bus to a node, each about one of the node's sessions.
//!
//! A command stays in the node's list in Redis until the node reports it as done. It is also
//! announced by pub/sub, which only makes it arrive sooner.

use crate::ConnectionId;

/// A command to a node about one of its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeCommand {
    /// Close the session: a newer session of the user replaces it.
    Evict(ConnectionId),
    /// Close the session, as a service requested. The second field is the reason; it may be empty.
    Disconnect(ConnectionId, String),
}

/// Prefix of every encoded command.
pub(crate) const PREFIX: &str = "order ";

impl NodeCommand {
    /// Returns the connection of the session.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Evict(connection) | Self::Disconnect(connection, _) => *connection,
        }
    }

    /// Encodes the command as a message: one header line, then the reason.
    pub fn encode(&self) -> String {
        match self {
            Self::Evict(connection) => format!("{PREFIX}evict {connection}\n"),
            Self::Disconnect(connection, reason) => format!("{PREFIX}disconnect {connection}\n{reason}"),
        }
    }

    /// Parses a message. Returns `None` if it is not a command of this version.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (header, rest) = std::str::from_utf8(message).ok()?.split_once('\n')?;
        let (what, connection) = header.strip_prefix(PREFIX)?.split_once(' ')?;
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
    fn command_round_trips_and_malformed_text_is_rejected() {
        let connection: ConnectionId = "k3j9x2ma.1f".parse().unwrap();
        for command in [
            NodeCommand::Evict(connection),
            NodeCommand::Disconnect(connection, "signed out\neverywhere".to_owned()),
        ] {
            assert_eq!(NodeCommand::decode(command.encode().as_bytes()), Some(command));
        }
        for malformed in ["", "order evict k3j9x2ma.1f", "order evict x\n", "order dance k3j9x2ma.1f\n", "1 d x\n"]
        {
            assert_eq!(NodeCommand::decode(malformed.as_bytes()), None, "{malformed:?}");
        }
    }
}
