//! Who may come in at the services' door.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use wirebell_protocol::Fault;

use super::{Context, Peer};
use crate::problem::Problem;

/// Lets pass who brings a service key, and in dev whoever is on this machine.
pub(super) async fn require_service_key(State(context): State<Context>, request: Request, next: Next) -> Response {
    let loopback = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if context.open_to_loopback && loopback || context.keys.permits(authorization) {
        return next.run(request).await;
    }
    let detail = "expected `Authorization: Bearer <service key>` with one of the keys in `services.keys`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, Fault::Unauthorized, detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    response
}
