//! Socket.IO: protocol 5 over Engine.IO 4, for the clients of Socket.IO 3 and 4
//! (<https://github.com/socketio/socket.io-protocol>).
//!
//! Supports long polling, WebSocket, and the upgrade between them. In: requests and packets of
//! clients. Out: a peer for the session, whose frames leave as packets. Must not know: what a frame
//! means. Implemented here because of the cost of a connection, and of how slow clients are
//! handled; see decision 0019.

mod acks;
mod client;
mod connect;
mod connection;
mod decode;
mod encode;
mod engine;
mod polling;
mod registry;
mod request;
mod upgrade;
mod wire;

pub use registry::PollingRegistry;
pub(super) use request::{get, post};
