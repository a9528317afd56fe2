//! The client API: WebSocket, Server-Sent Events and Socket.IO.
//!
//! Owns everything about bytes and HTTP towards clients: handshakes, frame encoding, CORS, origins,
//! credentials. In: HTTP requests and connections of clients. Out: a [`Peer`](crate::session::Peer)
//! and a wire for each session. Must not know: what a frame means, who is subscribed, the bus.

mod cors;
mod credentials;
mod frame_queue;
mod origin;
mod rejection;
mod socketio;
mod sse;
mod takeover;
pub mod websocket;
mod writer;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::session::Sessions;

pub use origin::Origins;
pub use socketio::PollingRegistry;
pub use sse::StreamRegistry;
pub use takeover::{ConnectionTakeover, taken_over};

/// What the client API needs.
#[derive(Clone)]
pub struct Context {
    /// State that all sessions share.
    pub sessions: Arc<Sessions>,
    /// Origins of web pages that may connect.
    pub origins: Arc<Origins>,
    /// Maximum size of a client's frame, in bytes.
    pub max_frame_bytes: usize,
    /// Name of the cookie that may hold a token, if allowed.
    pub cookie: Option<Arc<str>>,
    /// This node's Server-Sent Events streams.
    pub streams: StreamRegistry,
    /// This node's Socket.IO connections that poll.
    pub polling: PollingRegistry,
}

/// Returns the routes of the client API.
pub fn router(context: Context) -> Router {
    let streams = Router::new()
        .route("/events", get(sse::open).options(cors::preflight))
        .route("/events/{connection}", post(sse::post).options(cors::preflight))
        .route("/socket.io/", get(socketio::get).post(socketio::post).options(cors::preflight))
        .route("/socket.io", get(socketio::get).post(socketio::post).options(cors::preflight))
        .layer(middleware::from_fn_with_state(context.clone(), cors::guard));
    Router::new().route("/ws", get(websocket::upgrade)).merge(streams).with_state(context)
}
