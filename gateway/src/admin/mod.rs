//! The endpoints for operators: liveness, readiness, metrics and the inspector page.
//!
//! Requests come in from probes, Prometheus and people. Responses show the node's state; nothing
//! here changes it. The module reads readiness, metrics, the bus' health and a snapshot of the hub.
//! It does not know single events or tokens.

mod inspect;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;
use wirebell_protocol::ErrorCode;

use crate::bus::Health;
use crate::hub::snapshot::Snapshots;
use crate::lifecycle::{Readiness, Reason};
use crate::problem::Problem;
use crate::telemetry::Metrics;

/// The dependencies of the operators' routes.
#[derive(Clone)]
pub struct Context {
    /// Whether the node may receive clients.
    pub readiness: Readiness,
    /// The health of the bus. Other nodes request it to find out whether they alone have lost the
    /// bus.
    pub bus: watch::Receiver<Health>,
    /// The node's metrics.
    pub metrics: Arc<Metrics>,
    /// Takes a snapshot of the node's sessions.
    pub snapshots: Snapshots,
}

/// Returns the operators' routes.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/inspect", get(inspect::inspect))
        .with_state(context)
}

/// Answers while the process is alive. It checks nothing else: an unreachable Redis must not
/// restart every node.
async fn livez() -> &'static str {
    "ok"
}

/// `degraded` lists problems that do not stop the node from receiving clients. `bus` is this node's
/// view of the bus.
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
    reasons.iter().map(|reason| json!({ "reason": reason.reason, "detail": reason.detail })).collect()
}

async fn metrics(State(context): State<Context>) -> Response {
    match context.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, error.to_string()).into_response()
        }
    }
}
