//! Messages on the sharded pub/sub channels that a node subscribes to. The first word is the kind.
//! A frame for the client follows the header line; a node does not parse it.

use bytes::Bytes;

use crate::announcement::AnnouncementError;
use crate::{Announcement, ConnectionId, NodeCommand, node_command};

/// A message to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An event, on the pub/sub channel of its channel, for all its subscribers.
    Event(Announcement),
    /// A service's reply for one connection, on the pub/sub channel of its node.
    Reply(Reply),
    /// A command about one session, on the pub/sub channel of its node.
    Command(NodeCommand),
}

/// A service's reply to a client's event: `reply <connection> <ref, as a JSON string>`, a line
/// feed, and the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The connection that emitted the event.
    pub connection: ConnectionId,
    /// The `ref` of the client's frame.
    pub reference: Box<str>,
    /// The frame for the client: `wirebell.reply` or `wirebell.error`.
    pub frame: Bytes,
}

/// The message is not one of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The message is neither a reply nor a command, and not a valid announcement.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    /// The message begins like a reply but is malformed.
    #[error("malformed reply: expected `reply <connection> <ref>` and a frame; the {0} is invalid")]
    Reply(&'static str),
    /// The message begins like a command but is malformed.
    #[error("malformed command: expected `order <command> <connection>` and a line feed")]
    Command,
}

const REPLY: &str = "reply ";

impl Message {
    /// Decodes a message. The frame shares the message's bytes.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        if message.starts_with(REPLY.as_bytes()) {
            return Reply::decode(message).map(Self::Reply);
        }
        if message.starts_with(node_command::PREFIX.as_bytes()) {
            return NodeCommand::decode(message).map(Self::Command).ok_or(MessageError::Command);
        }
        Ok(Self::Event(Announcement::decode(message)?))
    }
}

impl Reply {
    /// Encodes the message.
    pub fn encode(&self) -> Bytes {
        let reference = serde_json::Value::from(&*self.reference);
        let mut message = format!("{REPLY}{} {reference}\n", self.connection).into_bytes();
        message.extend_from_slice(&self.frame);
        message.into()
    }

    fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let malformed = MessageError::Reply;
        let end = message.iter().position(|byte| *byte == b'\n').ok_or(malformed("header"))?;
        let header = std::str::from_utf8(&message[REPLY.len()..end]).map_err(|_| malformed("header"))?;
        let (connection, reference) = header.split_once(' ').ok_or(malformed("header"))?;
        Ok(Self {
            connection: connection.parse().map_err(|_| malformed("connection"))?,
            reference: serde_json::from_str::<String>(reference).map_err(|_| malformed("ref"))?.into(),
            frame: message.slice(end + 1..),
        })
    }
}
