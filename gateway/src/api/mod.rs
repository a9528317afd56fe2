//! The services' door: what backends ask of the gateway.

mod answer;
mod guard;
mod publish;
mod submission;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::post;

use crate::auth::ServiceKeys;
use crate::bus::SharedBus;
use crate::telemetry::Metrics;

/// What the services' door needs.
#[derive(Clone)]
pub struct Context {
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
    /// The node's numbers.
    pub metrics: Arc<Metrics>,
}

/// What an event may need besides its data, in bytes.
const ENVELOPE_BYTES: usize = 4 * 1024;
/// The largest request, whatever the limits of an event and of a batch come to.
const MOST_REQUEST_BYTES: usize = 32 * 1024 * 1024;

impl Context {
    fn max_request_bytes(&self) -> usize {
        let one = self.max_data_bytes + ENVELOPE_BYTES;
        one.saturating_mul(self.max_batch).min(MOST_REQUEST_BYTES).max(one)
    }
}

/// The routes of the services' door. The listener must hand over who connected.
pub fn router(context: Context) -> Router {
    let most = context.max_request_bytes();
    Router::new()
        .route("/v1/events", post(publish::publish))
        .layer(DefaultBodyLimit::max(most))
        .route_layer(middleware::from_fn_with_state(context.clone(), guard::require_service_key))
        .with_state(context)
}

/// Who connected, as axum's listener hands it over.
type Peer = axum::extract::ConnectInfo<SocketAddr>;
