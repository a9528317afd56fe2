//! Frames: one JSON object each, with a `type`. What does not begin with `wirebell.` is an event.

pub mod client;
pub mod server;

/// The subprotocol that nodes and clients agree on.
pub const SUBPROTOCOL: &str = "wirebell.v1";
/// Beside [`SUBPROTOCOL`], a client that can set no header offers its token as `wirebell.bearer.<jwt>`.
pub const BEARER_SUBPROTOCOL: &str = "wirebell.bearer.";
