//! The upgrade of `GET /ws`. An invalid token is not rejected here: a browser cannot read why an
//! upgrade failed, but it can read a close code.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::frame::SUBPROTOCOL;
use wirebell_protocol::{Transport, cloudevents};

use super::super::{Context, rejection, taken_over};
use super::cloudevents::CloudEvents;
use super::handshake;
use crate::auth::Token;
use crate::problem::Problem;
use crate::session::{self, ConnectRequest};

/// The supported subprotocols. A client that requests none of them gets the first.
const SUBPROTOCOLS: [&str; 2] = [SUBPROTOCOL, cloudevents::SUBPROTOCOL];

/// Handles `GET /ws`.
pub(in super::super) async fn upgrade(State(context): State<Context>, request: Request) -> Response {
    match accept(&context, request) {
        Ok(()) => taken_over().await,
        Err(problem) => {
            context.sessions.metrics.rejections.with_label_values(&[problem.code().as_str()]).inc();
            error_response(problem)
        }
    }
}

/// Checks the request and starts its session, which authenticates on the open connection.
fn accept(context: &Context, request: Request) -> Result<(), Problem> {
    if let Some(problem) = check(context, request.headers()) {
        return Err(problem);
    }
    let (connect, sessions) = (connect_request(&request), Arc::clone(&context.sessions));
    handshake::accept(request, &SUBPROTOCOLS, context.max_frame_bytes, move |socket, subprotocol| {
        let tasks = sessions.life.tasks.clone();
        if subprotocol == Some(cloudevents::SUBPROTOCOL) {
            tasks.spawn(session::run(sessions, CloudEvents::over(socket), connect));
        } else {
            tasks.spawn(session::run(sessions, socket, connect));
        }
    })
}

/// Returns the response. RFC 9110 §15.5.22 and RFC 6455 §4.2.2 require it to name what is
/// supported.
fn error_response(problem: Problem) -> Response {
    let is_upgrade = problem.status() == StatusCode::UPGRADE_REQUIRED;
    let mut response = problem.into_response();
    if is_upgrade {
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

fn connect_request(request: &Request) -> ConnectRequest {
    let query = request.uri().query();
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    ConnectRequest {
        token: Token::from_request(text(header::AUTHORIZATION), text(header::SEC_WEBSOCKET_PROTOCOL), query),
        cursor: query.and_then(cursor),
        transport: Transport::WebSocket,
    }
}

fn check(context: &Context, headers: &HeaderMap) -> Option<Problem> {
    if let Some(problem) = rejection::draining(context) {
        return Some(problem);
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    (!context.origins.permits(origin)).then(rejection::origin)
}

/// Returns the cursor of a raw query. Cursors are digits and a dash, so nothing has to be decoded.
fn cursor(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("cursor=")).map(str::to_owned)
}
