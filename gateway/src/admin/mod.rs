//! What operators and their machines ask of a node.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::lifecycle::Readiness;
use crate::telemetry::Metrics;

/// What the operators' routes need.
#[derive(Clone)]
pub struct Context {
    /// Whether the node may be sent clients.
    pub readiness: Readiness,
    /// The node's numbers.
    pub metrics: Arc<Metrics>,
}

/// The operators' routes.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(context)
}

/// The process lives as long as it answers. It asks nothing else: a Redis that is down must not restart every node.
async fn livez() -> &'static str {
    "ok"
}

async fn readyz(State(context): State<Context>) -> Response {
    let reasons = context.readiness.reasons();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let list: Vec<_> =
        reasons.iter().map(|held| serde_json::json!({ "reason": held.reason, "detail": held.detail })).collect();
    (status, Json(serde_json::json!({ "ready": reasons.is_empty(), "reasons": list }))).into_response()
}

async fn metrics(State(context): State<Context>) -> Response {
    match context.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
