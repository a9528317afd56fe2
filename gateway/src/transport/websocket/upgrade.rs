//! The upgrade of `GET /ws`. A bad token is not refused here: a browser cannot see why an upgrade failed, but it
//! sees a close code.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::frame::SUBPROTOCOL;
use wirebell_protocol::{Transport, cloudevents};

use super::super::{Context, refusal};
use super::cloudevents::CloudEvents;
use super::handshake;
use crate::auth::Token;
use crate::problem::Problem;
use crate::session::{self, Entrance};

/// What a client may ask to speak. One that asks for none of these speaks the first.
const SUBPROTOCOLS: [&str; 2] = [SUBPROTOCOL, cloudevents::SUBPROTOCOL];

/// `GET /ws`.
pub(in super::super) async fn upgrade(State(context): State<Context>, mut request: Request) -> Response {
    let accepted = match refusal(&context, request.headers()) {
        Some(problem) => Err(problem),
        None => handshake::accept(&mut request, &SUBPROTOCOLS, context.max_frame_bytes),
    };
    let (response, pending) = match accepted {
        Ok(accepted) => accepted,
        Err(problem) => {
            context.sessions.metrics.refusals.with_label_values(&[problem.fault().code()]).inc();
            return refused(problem);
        }
    };
    let (entrance, sessions) = (entrance(&request), context.sessions);
    let tasks = sessions.life.tasks.clone();
    // The task that upgrades holds what the request brought; the session gets a task of its own, without it.
    tasks.clone().spawn(async move {
        let in_cloudevents = pending.subprotocol() == Some(cloudevents::SUBPROTOCOL);
        match pending.socket().await {
            Some(socket) if in_cloudevents => {
                tasks.spawn(session::run(sessions, CloudEvents::over(socket), entrance));
            }
            Some(socket) => {
                tasks.spawn(session::run(sessions, socket, entrance));
            }
            None => {}
        }
    });
    response
}

/// RFC 9110 §15.5.22 and RFC 6455 §4.2.2 want it said what would be understood.
fn refused(problem: Problem) -> Response {
    let is_upgrade = problem.status() == StatusCode::UPGRADE_REQUIRED;
    let mut response = problem.into_response();
    if is_upgrade {
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

fn entrance(request: &Request) -> Entrance {
    let query = request.uri().query();
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    Entrance {
        token: Token::from_request(text(header::AUTHORIZATION), text(header::SEC_WEBSOCKET_PROTOCOL), query),
        cursor: query.and_then(cursor),
        transport: Transport::WebSocket,
    }
}

fn refusal(context: &Context, headers: &HeaderMap) -> Option<Problem> {
    if let Some(problem) = refusal::draining(context) {
        return Some(problem);
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    (!context.origins.permit(origin)).then(refusal::origin)
}

/// The cursor in a raw query. Cursors are digits and a dash, so nothing has to be decoded.
fn cursor(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("cursor=")).map(str::to_owned)
}
