//! The client's side of a session, independent of the transport.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::client::{ClientFrame, FrameError};

use crate::hub::Wire;

/// What a client sends.
#[derive(Debug)]
pub enum Incoming<T> {
    /// A text frame.
    Text(T),
    /// A binary frame, which Wirebell does not support.
    Binary,
    /// A sign of life without content, such as a pong.
    Alive,
    /// A frame larger than the limit. The rest of it cannot be read.
    TooLarge,
    /// A text frame that is not UTF-8. Nothing more can be read.
    InvalidUtf8,
    /// A violation of the transport's protocol. Nothing more can be read.
    ProtocolError,
    /// The client closed, or the connection was lost.
    Closed,
}

/// The connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnected;

/// One client's connection: a stream of frames from the client, and a sink of frames to it.
pub trait Peer: Send {
    /// A text frame in the transport's own type.
    type Text: std::ops::Deref<Target = str> + Send;

    /// Returns the wire by which the hub writes while the session is idle, if the transport has
    /// one.
    fn wire(&self) -> Option<Arc<dyn Wire>> {
        None
    }

    /// Parses a text frame of this kind of client.
    fn parse(text: &str) -> Result<ClientFrame, FrameError> {
        ClientFrame::parse(text)
    }

    /// Receives the next frame. Cancel safe.
    fn receive(&mut self) -> impl Future<Output = Incoming<Self::Text>> + Send;

    /// Queues a text frame; [`Peer::flush`] sends it.
    fn feed(&mut self, frame: Bytes) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Sends the queued frames.
    fn flush(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Sends a ping.
    fn ping(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Starts the close handshake, and waits briefly for the client's close.
    fn close(&mut self, code: CloseCode, reason: &'static str) -> impl Future<Output = ()> + Send;
}
