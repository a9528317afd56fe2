//! The WebSocket transport: the handshake, the frames, and the socket as a session's peer.
//!
//! In: requests for an upgrade, and bytes of clients. Out: a peer for the session and a wire for
//! the hub. Must not know: what a message means. The server's half of RFC 6455 is implemented here,
//! since it decides what a connection costs. An idle client needs no buffer, and the hub writes to
//! a client without waking its session.

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

/// Appends a text as a complete frame.
pub(super) fn write_text(text: &[u8], into: &mut Vec<u8>) {
    header::write(header::Opcode::Text, text, into);
}
