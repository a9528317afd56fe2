//! Refusals before a connection has begun, as HTTP tells them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::Fault;

use super::Context;
use crate::auth::Refusal;
use crate::problem::Problem;

/// Seconds after which whoever was refused for want of room or of the bus may try again; as much again by chance.
const RETRY_AFTER_SECONDS: u16 = 5;

/// What a client is told that was not admitted.
pub(super) fn problem(refusal: &Refusal) -> Problem {
    let status = status(refusal.fault);
    let problem = Problem::new(status, refusal.fault, refusal.message.as_ref());
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => problem.retry_after(retry_after()),
        _ => problem,
    }
}

/// The HTTP status of the same meaning.
pub(super) fn status(fault: Fault) -> StatusCode {
    match fault {
        Fault::NotAllowed | Fault::UserMismatch | Fault::TokenRevoked => StatusCode::FORBIDDEN,
        Fault::TooMany | Fault::TooManySessions => StatusCode::TOO_MANY_REQUESTS,
        Fault::Unavailable | Fault::Draining => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Fault::BadCursor | Fault::BadChannel | Fault::BadFrame | Fault::BadRequest => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// The answer; RFC 9110 §11.6.1 wants it said what would be understood.
pub(super) fn response(problem: Problem) -> Response {
    let is_unauthorized = problem.status() == StatusCode::UNAUTHORIZED;
    let mut response = problem.into_response();
    if is_unauthorized {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Counts a refusal that no session has counted.
pub(super) fn count(context: &Context, problem: Problem) -> Problem {
    context.sessions.metrics.refusals.with_label_values(&[problem.fault().code()]).inc();
    problem
}

/// Whoever comes to a node that is being stopped has to go to another one.
pub(super) fn draining(context: &Context) -> Option<Problem> {
    context.sessions.life.drain.is_cancelled().then(|| {
        let detail = "this node is being stopped; connect again, to another one";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Draining, detail).retry_after(1)
    })
}

/// A page of an origin that is not allowed.
pub(super) fn origin() -> Problem {
    let detail = "pages of this origin may not connect; `clients.allowed_origins` lists those that may";
    Problem::new(StatusCode::FORBIDDEN, Fault::NotAllowed, detail)
}

fn retry_after() -> u16 {
    fastrand::u16(RETRY_AFTER_SECONDS..=2 * RETRY_AFTER_SECONDS)
}
