//! The WebSocket: the upgrade, and the socket as a session's peer.

mod peer;
mod upgrade;

pub(super) use upgrade::upgrade;
