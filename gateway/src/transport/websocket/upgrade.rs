//! The upgrade of `GET /ws`. A bad token is not refused here: a browser cannot see why an upgrade failed, but it
//! sees a close code.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wirebell_protocol::Fault;
use wirebell_protocol::frame::SUBPROTOCOL;

use super::super::Context;
use super::peer::Socket;
use crate::auth::Token;
use crate::problem::Problem;
use crate::session::{self, Entrance};

/// Read buffer of a socket. The library clears the whole of it before every read, so a large one costs speed as
/// well as memory; a larger frame is read in pieces.
const READ_BUFFER: usize = 1024;
/// Beyond so much, what is queued for a socket is written.
const WRITE_BUFFER: usize = 4 * 1024;

/// `GET /ws`.
pub(in super::super) async fn upgrade(
    State(context): State<Context>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(problem) = refusal(&context, &headers) {
        context.sessions.metrics.refusals.with_label_values(&[problem.fault().code()]).inc();
        return problem.into_response();
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let entrance = Entrance {
        token: Token::from_request(
            text(header::AUTHORIZATION),
            text(header::SEC_WEBSOCKET_PROTOCOL),
            query.as_deref(),
        ),
        cursor: query.as_deref().and_then(cursor),
        transport: "websocket",
    };
    let sessions = context.sessions;
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_frame_size(context.max_frame_bytes)
        .max_message_size(context.max_frame_bytes)
        // The task that upgrades holds the request; the session gets a task of its own, without it.
        .on_upgrade(async move |socket| {
            let life = sessions.life.clone();
            life.tasks.spawn(session::run(sessions, Socket::new(socket), entrance));
        })
}

fn refusal(context: &Context, headers: &HeaderMap) -> Option<Problem> {
    if context.sessions.life.drain.is_cancelled() {
        let detail = "this node is being stopped; connect again, to another one";
        return Some(Problem::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Draining, detail).retry_after(1));
    }
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    (!context.origins.permit(origin)).then(|| {
        let detail = "pages of this origin may not connect; `clients.allowed_origins` lists those that may";
        Problem::new(StatusCode::FORBIDDEN, Fault::NotAllowed, detail)
    })
}

/// The cursor in a raw query. Cursors are digits and a dash, so nothing has to be decoded.
fn cursor(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("cursor=")).map(str::to_owned)
}
