//! How clients come in: bytes and HTTP on one side, a session on the other.

mod claim;
mod cors;
mod credentials;
mod mailbox;
mod origin;
mod pipe;
mod refusal;
mod socketio;
mod sse;
pub mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::session::Sessions;

pub use claim::{Claim, claimed};
pub use origin::Origins;
pub use socketio::Links;
pub use sse::Posts;

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
    pub posts: Posts,
    /// The connections of this node that poll.
    pub links: Links,
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
