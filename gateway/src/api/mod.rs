//! The server API: the HTTP endpoints for backends.
//!
//! Requests come in from services that publish events, read delivery status, list online users,
//! disconnect sessions and revoke tokens. The module calls the bus and answers with JSON or a
//! problem document. It does not know clients' sessions, except for a look at those of one user on
//! this node ([`SessionsOf`]).

mod disconnect;
mod events;
mod explain;
mod guard;
mod headers;
mod lists;
mod online;
mod openapi;
mod publish;
mod query;
mod response;
mod revocations;
mod sessions;
mod submission;
mod users;
mod wait;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use wirebell_protocol::{ErrorCode, NodeId};

use crate::auth::ApiKeys;
use crate::bus::{BusError, SharedBus};
use crate::hub::snapshot::SessionInfo;
use crate::lifecycle::CancellationToken;
use crate::problem::Problem;
use crate::telemetry::Metrics;

pub use wait::WaitSlots;

/// The dependencies of the server API.
#[derive(Clone)]
pub struct Context {
    /// This node's id.
    pub node: NodeId,
    /// Looks up the sessions of a user on this node.
    pub sessions_of: SessionsOf,
    /// Whether presence is enabled.
    pub presence: bool,
    /// The bus that events are published to.
    pub bus: SharedBus,
    /// The API keys of services.
    pub keys: Arc<ApiKeys>,
    /// Whether callers on this machine need no key.
    pub open_to_loopback: bool,
    /// Maximum size of an event's `data`, in bytes.
    pub max_data_bytes: usize,
    /// Maximum number of events in one request.
    pub max_batch: usize,
    /// Bounds the requests that wait for a delivery status.
    pub waits: WaitSlots,
    /// Canceled when the node shuts down. Requests that wait are then answered with the current
    /// status.
    pub stopping: CancellationToken,
    /// The node's metrics.
    pub metrics: Arc<Metrics>,
}

/// Looks up the sessions of a user on this node.
pub type SessionsOf = Arc<dyn Fn(&str) -> Vec<SessionInfo> + Send + Sync>;

/// Maximum size of an event without its data, in bytes.
const ENVELOPE_BYTES: usize = 4 * 1024;
/// Maximum size of a request, regardless of the limits for an event and a batch.
const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;

impl Context {
    fn max_request_bytes(&self) -> usize {
        let one = self.max_data_bytes + ENVELOPE_BYTES;
        one.saturating_mul(self.max_batch).min(MAX_REQUEST_BYTES).max(one)
    }
}

/// Returns the routes of the server API. The listener must provide the peer address as
/// `ConnectInfo`.
pub fn router(context: Context) -> Router {
    let max_bytes = context.max_request_bytes();
    Router::new()
        .route("/v1/events", post(publish::publish))
        .route("/v1/events/{id}", get(events::read).delete(events::cancel))
        .route("/v1/users", get(online::list))
        .route("/v1/users/{id}", get(users::read))
        .route("/v1/users/{id}/disconnect", post(disconnect::disconnect))
        .route("/v1/revocations", post(revocations::revoke))
        .route("/v1/fallbacks", get(lists::fallbacks))
        .route("/v1/receipts", get(lists::receipts))
        .layer(DefaultBodyLimit::max(max_bytes))
        .route_layer(middleware::from_fn_with_state(context.clone(), guard::require_api_key))
        .merge(openapi::router())
        .with_state(context)
}

/// The caller's address, as the listener provides it.
type Peer = axum::extract::ConnectInfo<SocketAddr>;

/// Returns the problem for a request that needs presence.
fn presence_disabled() -> Problem {
    let detail = "presence is disabled; set `presence.enabled` to true on all nodes";
    Problem::new(StatusCode::NOT_IMPLEMENTED, ErrorCode::Unsupported, detail)
}

/// Returns the problem for a bus error. The advice says what the caller can do.
fn bus_problem(error: &BusError, advice: &str) -> Problem {
    let detail = format!("{error}; {advice}");
    match error {
        BusError::Unavailable(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable, detail).retry_after(1)
        }
        BusError::Rejected(_) => Problem::new(StatusCode::BAD_GATEWAY, ErrorCode::Internal, detail),
    }
}
