//! The client's end, whatever carries it.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::client::{ClientFrame, FrameError};

use crate::hub::Wire;

/// What comes from a client.
#[derive(Debug)]
pub enum Incoming<T> {
    /// One text frame.
    Text(T),
    /// One binary frame, which Wirebell has no use for.
    Binary,
    /// A sign of life without contents.
    Alive,
    /// A frame larger than the limit; the rest of it cannot be read.
    TooLarge,
    /// A text frame that is not text; nothing more can be read.
    InvalidUtf8,
    /// The client broke the transport's protocol; nothing more can be read.
    ProtocolError,
    /// The client said close_reason, or the connection is gone.
    Closed,
}

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnected;

/// One client's connection: a stream of frames from it, and a sink of frames to it.
pub trait Peer: Send {
    /// A text frame, in the transport's own type.
    type Text: std::ops::Deref<Target = str> + Send;

    /// The way to the client by which the hub can write while the session rests, if there is one.
    fn wire(&self) -> Option<Arc<dyn Wire>> {
        None
    }

    /// Reads a text frame, in whatever form clients of this kind write theirs.
    fn parse(text: &str) -> Result<ClientFrame, FrameError> {
        ClientFrame::parse(text)
    }

    /// The next thing from the client. Must be safe to abandon.
    fn receive(&mut self) -> impl Future<Output = Incoming<Self::Text>> + Send;

    /// Queues a text frame; [`Peer::flush`] sends it.
    fn feed(&mut self, frame: Bytes) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Sends what is queued.
    fn flush(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Asks the client for a sign of life.
    fn ping(&mut self) -> impl Future<Output = Result<(), Disconnected>> + Send;

    /// Says close_reason, and waits a moment for the client to say it too.
    fn close(&mut self, code: CloseCode, reason: &'static str) -> impl Future<Output = ()> + Send;
}
