//! A message: what travels to a node on the sharded pub/sub channels that it listens to. Its first word says what it is;
//! behind the first line stands a frame for the client, which no node has to read.

use bytes::Bytes;

use crate::announcement::AnnouncementError;
use crate::{Announcement, ConnectionId, Order, order};

/// Something for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An event, on the channel's own pub/sub channel: for everyone who listens for it.
    Event(Announcement),
    /// An answer to one connection, on its node's pub/sub channel.
    Reply(Reply),
    /// Something that the node has to do to one of its sessions, on the node's pub/sub channel.
    Order(Order),
}

/// What came of an event that a client has emitted with a `ref`: `reply <connection> <ref, as a JSON string>`, a line's
/// end, and the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who has emitted it.
    pub connection: ConnectionId,
    /// By which name.
    pub reference: Box<str>,
    /// What the client gets: `wirebell.reply` or `wirebell.error`.
    pub frame: Bytes,
}

/// The message is not one of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not an announcement, nor anything else.
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    /// It begins as a reply does.
    #[error("expected a reply, `reply <connection> <ref>` and a frame, found something else in its {0}")]
    Reply(&'static str),
    /// It begins as an order does.
    #[error("expected an order, `order <what> <connection>` and a line's end, found something else")]
    Order,
}

const REPLY: &str = "reply ";

impl Message {
    /// Reads a message; the frame shares its bytes.
    pub fn decode(message: &Bytes) -> Result<Self, MessageError> {
        if message.starts_with(REPLY.as_bytes()) {
            return Reply::decode(message).map(Self::Reply);
        }
        if message.starts_with(order::WORD.as_bytes()) {
            return Order::decode(message).map(Self::Order).ok_or(MessageError::Order);
        }
        Ok(Self::Event(Announcement::decode(message)?))
    }
}

impl Reply {
    /// Writes the message.
    pub fn encode(&self) -> Bytes {
        let reference = serde_json::Value::from(&*self.reference);
        let mut message = format!("{REPLY}{} {reference}\n", self.connection).into_bytes();
        message.extend_from_slice(&self.frame);
        message.into()
    }

    fn decode(message: &Bytes) -> Result<Self, MessageError> {
        let wrong = MessageError::Reply;
        let end = message.iter().position(|byte| *byte == b'\n').ok_or(wrong("header"))?;
        let header = std::str::from_utf8(&message[REPLY.len()..end]).map_err(|_| wrong("header"))?;
        let (connection, reference) = header.split_once(' ').ok_or(wrong("header"))?;
        Ok(Self {
            connection: connection.parse().map_err(|_| wrong("connection"))?,
            reference: serde_json::from_str::<String>(reference).map_err(|_| wrong("ref"))?.into(),
            frame: message.slice(end + 1..),
        })
    }
}
