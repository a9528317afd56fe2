//! How clients come in: bytes and HTTP on one side, a session on the other.

mod origin;
pub mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::session::Sessions;

pub use origin::Origins;

/// What the clients' door needs.
#[derive(Clone)]
pub struct Context {
    /// What all sessions share.
    pub sessions: Arc<Sessions>,
    /// Which web pages may connect.
    pub origins: Arc<Origins>,
    /// The largest frame that a client may send, in bytes.
    pub max_frame_bytes: usize,
}

/// The routes of the clients' door.
pub fn router(context: Context) -> Router {
    Router::new().route("/ws", get(websocket::upgrade)).with_state(context)
}
