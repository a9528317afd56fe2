//! `/socket.io/`: the HTTP requests of Engine.IO.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use wirebell_protocol::ErrorCode;

use super::connection::Connection;
use super::engine::{self, Error, SEPARATOR};
use super::polling::{PollResponse, Polling};
use super::{connect, upgrade};
use crate::auth::Token;
use crate::problem::Problem;
use crate::transport::{Context, credentials, rejection};

/// How often a post checks whether the queue has room.
const POST_RETRY_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);

/// The query parameters of each request.
#[derive(Deserialize)]
struct EngineQuery {
    #[serde(rename = "EIO")]
    version: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

/// Handles `GET /socket.io/`: a new connection, a poll, or a WebSocket.
pub(in super::super) async fn get(State(context): State<Context>, request: Request) -> Response {
    let query = match EngineQuery::of(&request) {
        Ok(query) => query,
        Err(error) => return error.into_response(),
    };
    match (query.transport.as_deref(), query.sid.as_deref()) {
        _ if request.method() != Method::GET => Error::Method.into_response(),
        (Some("polling"), None) => begin(&context, &request),
        (Some("polling"), Some(sid)) => poll(&context, sid).await,
        (Some("websocket"), None) => match check_request(&context, &request) {
            Ok(token) => upgrade::begin(context, request, token).await,
            Err(problem) => rejection::response(problem),
        },
        (Some("websocket"), Some(sid)) => match context.polling.find(sid) {
            Some(polling) => upgrade::upgrade(&context, request, polling).await,
            None => Error::Session.into_response(),
        },
        _ => Error::Transport.into_response(),
    }
}

/// Handles `POST /socket.io/`: packets from a polling client.
pub(in super::super) async fn post(State(context): State<Context>, request: Request) -> Response {
    let query = match EngineQuery::of(&request) {
        Ok(query) => query,
        Err(error) => return error.into_response(),
    };
    let Some(sid) = query.sid else { return Error::Method.into_response() };
    let Some(polling) = context.polling.find(&sid) else { return Error::Session.into_response() };
    let max = context.max_frame_bytes;
    let Ok(bytes) = to_bytes(request.into_body(), max).await else {
        let detail = format!("the body is too large; expected packets of up to {max} bytes together");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::FrameTooLarge, detail).into_response();
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Error::Request.into_response() };
    queue_packets(&polling, text.split(SEPARATOR).map(str::to_owned).collect()).await
}

/// Queues the packets of a post. A client waits for the response before it posts again, which slows
/// it down.
async fn queue_packets(polling: &Polling, mut packets: Vec<String>) -> Response {
    while let Err(back) = polling.post(packets) {
        packets = back;
        if polling.is_closed() {
            return Error::Session.into_response();
        }
        tokio::time::sleep(POST_RETRY_INTERVAL).await;
    }
    engine::text("ok")
}

/// Opens a polling connection.
fn begin(context: &Context, request: &Request) -> Response {
    let token = match check_request(context, request) {
        Ok(token) => token,
        Err(problem) => return rejection::response(problem),
    };
    let Some(registration) = context.polling.register() else {
        let detail = "the system has no randomness for a session id";
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, detail);
        return rejection::response(problem);
    };
    let open = engine::open(registration.sid(), &["websocket"], &context.sessions.limits, context.max_frame_bytes);
    context.sessions.life.tasks.spawn(connect::connect(context.clone(), Connection::Polling(registration), token));
    engine::text(open)
}

/// Answers a poll with the queued packets, or waits for the next one.
async fn poll(context: &Context, sid: &str) -> Response {
    let Some(polling) = context.polling.find(sid) else { return Error::Session.into_response() };
    match polling.poll() {
        PollResponse::Now(text) => engine::text(text),
        PollResponse::Later(text) => match text.await {
            Ok(text) => engine::text(text),
            Err(_) => engine::text(engine::CLOSE),
        },
        PollResponse::Duplicate => {
            polling.close();
            Error::Request.into_response()
        }
    }
}

/// Checks whether a new connection is allowed. Returns the token, if the request has one.
fn check_request(context: &Context, request: &Request) -> Result<Option<Token>, Problem> {
    let count = |problem| rejection::count(context, problem);
    if let Some(problem) = rejection::draining(context) {
        return Err(count(problem));
    }
    if context.polling.len() >= context.sessions.limits.connections {
        let detail = "this node has reached its limit of connections; connect again later";
        return Err(count(
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooMany, detail).retry_after(5),
        ));
    }
    match credentials::token(context, request.headers(), request.uri().query()) {
        Ok(token) => Ok(Some(token)),
        Err(rejection) if rejection.code == ErrorCode::TokenMissing => Ok(None),
        Err(rejection) => Err(count(rejection::problem(&rejection))),
    }
}

impl EngineQuery {
    fn of(request: &Request<Body>) -> Result<Self, Error> {
        let Query(query) = Query::<Self>::try_from_uri(request.uri()).map_err(|_| Error::Request)?;
        if query.version.as_deref() == Some("4") { Ok(query) } else { Err(Error::Version) }
    }
}
