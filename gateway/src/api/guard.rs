//! Who may come in at the services' door, with how much, and for how long.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use wirebell_protocol::Fault;

use super::{Context, Peer, wait};
use crate::problem::Problem;

/// How long a request may take, its body included: a sender that stalls must not hold a connection for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets pass who brings a service key, and in dev whoever is on this machine.
pub(super) async fn require_api_key(State(context): State<Context>, request: Request, next: Next) -> Response {
    let loopback = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !(context.open_to_loopback && loopback || context.keys.permits(authorization)) {
        return unauthorized();
    }
    if declares_more_than(context.max_request_bytes(), &request) {
        return closing(too_large());
    }
    let timed_out =
        || closing(Problem::new(StatusCode::REQUEST_TIMEOUT, Fault::BadRequest, "the request took too long"));
    let timeout = request_timeout(request.method());
    tokio::time::timeout(timeout, next.run(request)).await.unwrap_or_else(|_| timed_out())
}

/// Whoever only asks may ask to wait.
fn request_timeout(method: &Method) -> Duration {
    if method == Method::GET { REQUEST_TIMEOUT + wait::MAX_WAIT } else { REQUEST_TIMEOUT }
}

/// A request with more than this node takes.
pub(super) fn too_large() -> Problem {
    let detail = "the request is larger than this node takes; send fewer events at once";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Fault::TooLarge, detail)
}

fn unauthorized() -> Response {
    let detail = "expected `Authorization: Bearer <service key>` with one of the keys in `services.keys`";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, Fault::Unauthorized, detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// What is announced need not be read to be refused.
fn declares_more_than(most: usize, request: &Request) -> bool {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    declared.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > most)
}

/// The rest of the request is not read, so nothing else can follow it on this connection.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
