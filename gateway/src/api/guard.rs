//! Checks every request to the server API: its API key, its size and its duration.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use wirebell_protocol::ErrorCode;

use super::{Context, Peer, wait};
use crate::problem::Problem;

/// Maximum duration of a request with its body. A sender that stalls must not hold a connection
/// forever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Passes requests with a valid API key, and in `dev` those from this machine.
pub(super) async fn require_api_key(State(context): State<Context>, request: Request, next: Next) -> Response {
    let loopback = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !(context.open_to_loopback && loopback || context.keys.accept(authorization)) {
        return unauthorized();
    }
    if declares_more_than(context.max_request_bytes(), &request) {
        return closing(too_large());
    }
    let timed_out =
        || closing(Problem::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, "the request took too long"));
    let timeout = request_timeout(request.method());
    tokio::time::timeout(timeout, next.run(request)).await.unwrap_or_else(|_| timed_out())
}

/// Returns the time limit of a request. A `GET` may additionally wait for a delivery status.
fn request_timeout(method: &Method) -> Duration {
    if method == Method::GET { REQUEST_TIMEOUT + wait::MAX_WAIT } else { REQUEST_TIMEOUT }
}

/// Returns the problem for a request that is larger than the limit.
pub(super) fn too_large() -> Problem {
    let detail = "the request is larger than this node accepts; send fewer events per request";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, detail)
}

fn unauthorized() -> Response {
    let detail = "expected `Authorization: Bearer <API key>` with one of the keys in `services.keys`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Returns whether `Content-Length` exceeds the limit. Such a request is rejected without reading
/// it.
fn declares_more_than(max: usize, request: &Request) -> bool {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    declared.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > max)
}

/// Closes the connection after the response: the unread rest of the request makes it unusable.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
