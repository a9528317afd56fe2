//! The services' door: what backends ask of the gateway.

mod response;
mod query;
mod disconnect;
mod events;
mod explain;
mod guard;
mod headers;
mod lists;
mod online;
mod openapi;
mod publish;
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
use wirebell_protocol::{Fault, NodeId};

use crate::auth::ServiceKeys;
use crate::bus::{BusError, SharedBus};
use crate::hub::snapshot::Sitting;
use crate::lifecycle::CancellationToken;
use crate::problem::Problem;
use crate::telemetry::Metrics;

pub use wait::WaitSlots;

/// What the services' door needs.
#[derive(Clone)]
pub struct Context {
    /// This node.
    pub node: NodeId,
    /// The sessions of a user on this node.
    pub sessions_of: SessionsOf,
    /// Is it known who is online?
    pub presence: bool,
    /// Where events go.
    pub bus: SharedBus,
    /// Which services may publish.
    pub keys: Arc<ServiceKeys>,
    /// Whoever is on this machine may publish without a key.
    pub open_to_loopback: bool,
    /// The largest `data` of an event, in bytes.
    pub max_data_bytes: usize,
    /// The most events in one request.
    pub max_batch: usize,
    /// How many requests wait for what becomes of events.
    pub waits: WaitSlots,
    /// Cancelled when the node is being stopped: whoever waits is answered with what is known by then.
    pub stopping: CancellationToken,
    /// The node's numbers.
    pub metrics: Arc<Metrics>,
}

/// Looks up the sessions of a user on this node.
pub type SessionsOf = Arc<dyn Fn(&str) -> Vec<Sitting> + Send + Sync>;

/// What an event may need besides its data, in bytes.
const ENVELOPE_BYTES: usize = 4 * 1024;
/// The largest request, whatever the limits of an event and of a batch come to.
const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;

impl Context {
    fn max_request_bytes(&self) -> usize {
        let one = self.max_data_bytes + ENVELOPE_BYTES;
        one.saturating_mul(self.max_batch).min(MAX_REQUEST_BYTES).max(one)
    }
}

/// The routes of the services' door. The listener must hand over who connected.
pub fn router(context: Context) -> Router {
    let most = context.max_request_bytes();
    Router::new()
        .route("/v1/events", post(publish::publish))
        .route("/v1/events/{id}", get(events::read).delete(events::cancel))
        .route("/v1/users", get(online::list))
        .route("/v1/users/{id}", get(users::read))
        .route("/v1/users/{id}/disconnect", post(disconnect::disconnect))
        .route("/v1/revocations", post(revocations::revoke))
        .route("/v1/fallbacks", get(lists::fallbacks))
        .route("/v1/receipts", get(lists::receipts))
        .layer(DefaultBodyLimit::max(most))
        .route_layer(middleware::from_fn_with_state(context.clone(), guard::require_api_key))
        .merge(openapi::router())
        .with_state(context)
}

/// Who connected, as axum's listener hands it over.
type Peer = axum::extract::ConnectInfo<SocketAddr>;

/// The node does not know who is online, and was asked for that.
fn without_presence() -> Problem {
    let detail = "it is not known here who is online: `presence.enabled` is false";
    Problem::new(StatusCode::NOT_IMPLEMENTED, Fault::Unsupported, detail)
}

/// The bus did not do it. The advice says what the caller may do.
fn failed(error: &BusError, advice: &str) -> Problem {
    let detail = format!("{error}; {advice}");
    match error {
        BusError::Unavailable(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Unavailable, detail).retry_after(1)
        }
        BusError::Refused(_) => Problem::new(StatusCode::BAD_GATEWAY, Fault::Internal, detail),
    }
}
