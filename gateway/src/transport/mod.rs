//! How clients come in: bytes and HTTP on one side, a session on the other.

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

/// What the clients' door needs.
#[derive(Clone)]
pub struct Context {
    /// What all sessions share.
    pub sessions: Arc<Sessions>,
    /// Which web pages may connect.
    pub origins: Arc<Origins>,
    /// The largest frame that a client may send, in bytes.
    pub max_frame_bytes: usize,
    /// The cookie that may hold a token, if one may.
    pub cookie: Option<Arc<str>>,
    /// The streams of this node.
    pub streams: StreamRegistry,
    /// The connections of this node that poll.
    pub polling: PollingRegistry,
}

/// The routes of the clients' door.
pub fn router(context: Context) -> Router {
    let streams = Router::new()
        .route("/events", get(sse::open).options(cors::preflight))
        .route("/events/{connection}", post(sse::post).options(cors::preflight))
        .route("/socket.io/", get(socketio::get).post(socketio::post).options(cors::preflight))
        .route("/socket.io", get(socketio::get).post(socketio::post).options(cors::preflight))
        .layer(middleware::from_fn_with_state(context.clone(), cors::guard));
    Router::new().route("/ws", get(websocket::upgrade)).merge(streams).with_state(context)
}
