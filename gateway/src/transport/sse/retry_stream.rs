//! Refusals that pass by themselves: the node is full, lacks its bus or is being stopped. An `EventSource` would give up for
//! good on the status that says so, also on the one of a node that it has just been sent away from. It gets a stream of
//! two events instead, which ends, and says when to come back.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, Fault};

use super::encode;
use super::position::Position;
use crate::problem::Problem;

const MEDIA_TYPE: &str = "text/event-stream";

/// Does whoever asks understand nothing but a stream?
pub(super) fn accepts_only_stream(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept == MEDIA_TYPE)
}

/// May trying again help?
pub(super) fn is_temporary(problem: &Problem) -> bool {
    problem.seconds().is_some()
}

/// The stream.
pub(super) fn response(problem: &Problem) -> Response {
    let after = f64::from(problem.seconds().unwrap_or_default()) + fastrand::f64();
    let message = problem.document().detail.as_str();
    let error = ServerFrame::Error { code: problem.fault(), message, r#ref: None };
    let reason = if problem.fault() == Fault::Draining { "drain" } else { problem.fault().code() };
    let (mut body, mut position) = (Vec::new(), Position::new(std::iter::empty::<Channel>()));
    for frame in [error, ServerFrame::Reconnect { after, reason }] {
        encode::write(&frame.encode(), &mut position, &mut body);
    }
    // Behind the events, since the last one counts.
    encode::retry(after, &mut body);
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn only_a_stream_is_understood_by_who_accepts_nothing_else() {
        let accept =
            |value: &'static str| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
        assert!(accepts_only_stream(&accept("text/event-stream")));
        assert!(!accepts_only_stream(&accept("*/*")) && !accepts_only_stream(&HeaderMap::new()));
    }

    #[test]
    fn what_does_not_pass_is_refused_for_good() {
        let problem = |status, fault| Problem::new(status, fault, "no");
        assert!(!is_temporary(&problem(StatusCode::UNAUTHORIZED, Fault::TokenExpired)));
        assert!(is_temporary(&problem(StatusCode::SERVICE_UNAVAILABLE, Fault::Draining).retry_after(1)));
    }
}
