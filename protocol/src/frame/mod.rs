//! Frames between a node and a client: JSON objects with a `type`.
//!
//! Input: text from a client, or values from a session. Output: a parsed [`client::ClientFrame`],
//! or the bytes of a [`server::ServerFrame`]. A type without the prefix `wirebell.` is an event.
//! The module does not know which transport carries a frame.

pub mod client;
pub mod server;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "wirebell.v1";
/// Prefix of a second subprotocol: a client that cannot set headers offers its token as
/// `wirebell.bearer.<jwt>` beside [`SUBPROTOCOL`].
pub const BEARER_SUBPROTOCOL: &str = "wirebell.bearer.";
