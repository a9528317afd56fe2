//! What operators and their machines ask of a node.

mod inspect;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;
use wirebell_protocol::Fault;

use crate::bus::Health;
use crate::hub::snapshot::Snapshots;
use crate::lifecycle::{Readiness, Reason};
use crate::problem::Problem;
use crate::telemetry::Metrics;

/// What the operators' routes need.
#[derive(Clone)]
pub struct Context {
    /// Whether the node may be sent clients.
    pub readiness: Readiness,
    /// Whether the node has its bus: other nodes ask, to know whether they alone lack it.
    pub bus: watch::Receiver<Health>,
    /// The node's numbers.
    pub metrics: Arc<Metrics>,
    /// The node's sessions.
    pub snapshots: Snapshots,
}

/// The operators' routes.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/inspect", get(inspect::inspect))
        .with_state(context)
}

/// The process lives as long as it answers. It asks nothing else: a Redis that is down must not restart every node.
async fn livez() -> &'static str {
    "ok"
}

/// `degraded` is what is wrong and keeps nobody away; `bus` is this node's own view, ready or not.
async fn readyz(State(context): State<Context>) -> Response {
    let (reasons, degraded) = (context.readiness.reasons(), context.readiness.degraded());
    let bus = if *context.bus.borrow() == Health::Up { "up" } else { "down" };
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": reasons.is_empty(),
        "reasons": list(&reasons),
        "degraded": list(&degraded),
        "bus": bus,
    });
    (status, Json(body)).into_response()
}

fn list(reasons: &[Reason]) -> Value {
    reasons.iter().map(|held| json!({ "reason": held.reason, "detail": held.detail })).collect()
}

async fn metrics(State(context): State<Context>) -> Response {
    match context.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Fault::Internal, error.to_string()).into_response()
        }
    }
}
