//! Socket.IO, protocol 5 over Engine.IO 4, as the clients of Socket.IO 3 and 4 speak it
//! (<https://github.com/socketio/socket.io-protocol>): long polling, WebSocket, and the way from one to the other. It is
//! our own for what a connection costs and for how a slow one is treated; see decision 0019.

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
