//! The WebSocket: the handshake, the frames, and the socket as a session's peer. The server's half of RFC 6455 is our
//! own, since it decides what one connection costs: nothing is buffered for a client that says nothing, and the hub
//! writes to it without waking its session.

mod cloudevents;
mod handshake;
mod header;
mod peer;
mod reader;
mod sender;
mod socket;
mod upgrade;

pub use handshake::accept;
pub use reader::{Message, Violation};
pub use socket::{Ended, Socket};

pub(super) use sender::Sender;
pub(super) use upgrade::upgrade;

/// Appends a text as a frame of its own.
pub(super) fn write_text(text: &[u8], into: &mut Vec<u8>) {
    header::write(header::Opcode::Text, text, into);
}
