//! Temporary rejections: the node is full, lacks its bus or drains. On an error status an
//! `EventSource` would stop reconnecting, even after it was asked to leave a draining node. It gets
//! a stream of two events instead, which ends with a reconnect delay.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, ErrorCode};

use super::encode;
use super::position::Position;
use crate::problem::Problem;

const MEDIA_TYPE: &str = "text/event-stream";

/// Returns whether the client accepts only a stream, as an `EventSource` does.
pub(super) fn accepts_only_stream(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept == MEDIA_TYPE)
}

/// Returns whether another attempt can succeed.
pub(super) fn is_temporary(problem: &Problem) -> bool {
    problem.seconds().is_some()
}

/// Returns the stream.
pub(super) fn response(problem: &Problem) -> Response {
    let after = f64::from(problem.seconds().unwrap_or_default()) + fastrand::f64();
    let message = problem.document().detail.as_str();
    let error = ServerFrame::Error { code: problem.code(), message, r#ref: None };
    let reason = if problem.code() == ErrorCode::Draining { "drain" } else { problem.code().as_str() };
    let (mut body, mut position) = (Vec::new(), Position::new(std::iter::empty::<Channel>()));
    for frame in [error, ServerFrame::Reconnect { after, reason }] {
        encode::write(&frame.encode(), &mut position, &mut body);
    }
    // After the events, since the last `retry` counts.
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
    fn client_that_accepts_nothing_else_gets_a_stream() {
        let accept =
            |value: &'static str| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
        assert!(accepts_only_stream(&accept("text/event-stream")));
        assert!(!accepts_only_stream(&accept("*/*")) && !accepts_only_stream(&HeaderMap::new()));
    }

    #[test]
    fn only_rejections_with_a_retry_time_are_temporary() {
        let problem = |status, code| Problem::new(status, code, "no");
        assert!(!is_temporary(&problem(StatusCode::UNAUTHORIZED, ErrorCode::TokenExpired)));
        assert!(is_temporary(&problem(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining).retry_after(1)));
    }
}
