//! `POST /events/{connection}`: a frame from a stream's client. Each request needs a token of the
//! stream's user, since the connection's id is not secret.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use wirebell_protocol::{ConnectionId, ErrorCode};

use super::super::{Context, credentials, rejection};
use crate::problem::Problem;

/// Handles `POST /events/{connection}`.
pub(in super::super) async fn post(
    State(context): State<Context>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    match enqueue(&context, &connection, request).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(problem) => rejection::response(problem),
    }
}

/// Passes the posted frame to the stream's session.
async fn enqueue(context: &Context, connection: &str, request: Request) -> Result<(), Problem> {
    let token = credentials::token(context, request.headers(), request.uri().query());
    let identity = match token {
        Ok(token) => context.sessions.verifier.verify(&token).await,
        Err(rejection) => Err(rejection),
    };
    let user = identity.map_err(|rejection| rejection::problem(&rejection))?.channel;
    let connection: ConnectionId = connection.parse().map_err(|error| {
        let detail = format!("`connection`: {error}; expected the id of `wirebell.welcome`");
        Problem::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, detail)
    })?;
    let frame = text(context, request.into_body()).await?;
    if connection.node != context.sessions.hub.node() {
        return Err(wrong_node());
    }
    let frame_queue = context.streams.find(connection, &user).ok_or_else(|| {
        let detail = "this user has no stream with that id on this node; it has ended, or uses another transport";
        Problem::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail)
    })?;
    frame_queue.push(std::iter::once(frame)).map_err(|_| {
        let detail = "too many frames are queued for this stream; send more slowly";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, detail).retry_after(1)
    })
}

async fn text(context: &Context, body: Body) -> Result<String, Problem> {
    let bytes = to_bytes(body, context.max_frame_bytes).await.map_err(|_| {
        let detail = format!("expected a frame of up to {} bytes", context.max_frame_bytes);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::FrameTooLarge, detail)
    })?;
    String::from_utf8(bytes.into()).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::BadFrame,
            "expected one JSON object with a string `type`, in UTF-8",
        )
    })
}

/// RFC 9110 §15.5.20: the request reached a node that does not hold the connection.
fn wrong_node() -> Problem {
    let detail = "this stream is on another node, named in the id before the dot; use sticky sessions in the load \
                  balancer, so that a stream's requests reach its node";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, ErrorCode::NotFound, detail)
}
