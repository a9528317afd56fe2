//! HTTP responses for clients that are rejected before a session begins.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::ErrorCode;

use super::Context;
use crate::auth::Rejection;
use crate::problem::Problem;

/// The least `Retry-After` for a node that is full or lacks its bus; a random part of as much again
/// is added.
const RETRY_AFTER_SECONDS: u16 = 5;

/// Returns the problem document for a rejected client.
pub(super) fn problem(rejection: &Rejection) -> Problem {
    let status = status(rejection.code);
    let problem = Problem::new(status, rejection.code, rejection.message.as_ref());
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => problem.retry_after(retry_after()),
        _ => problem,
    }
}

/// Returns the HTTP status for an error code.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::NotAllowed | ErrorCode::UserMismatch | ErrorCode::TokenRevoked => StatusCode::FORBIDDEN,
        ErrorCode::TooMany | ErrorCode::TooManySessions => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable | ErrorCode::Draining => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::BadCursor | ErrorCode::BadChannel | ErrorCode::BadFrame | ErrorCode::BadRequest => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// Returns the response. RFC 9110 §11.6.1 requires `WWW-Authenticate` with a 401.
pub(super) fn response(problem: Problem) -> Response {
    let is_unauthorized = problem.status() == StatusCode::UNAUTHORIZED;
    let mut response = problem.into_response();
    if is_unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Counts a rejection that happens outside of a session.
pub(super) fn count(context: &Context, problem: Problem) -> Problem {
    context.sessions.metrics.rejections.with_label_values(&[problem.code().as_str()]).inc();
    problem
}

/// Returns the rejection of a draining node. Its clients have to go to another node.
pub(super) fn draining(context: &Context) -> Option<Problem> {
    context.sessions.life.drain.is_cancelled().then(|| {
        let detail = "this node is shutting down; reconnect to reach another node";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining, detail).retry_after(1)
    })
}

/// Returns the rejection for a page whose origin may not connect.
pub(super) fn origin() -> Problem {
    let detail = "pages of this origin may not connect; add the origin to `clients.allowed_origins`";
    Problem::new(StatusCode::FORBIDDEN, ErrorCode::NotAllowed, detail)
}

fn retry_after() -> u16 {
    fastrand::u16(RETRY_AFTER_SECONDS..=2 * RETRY_AFTER_SECONDS)
}
