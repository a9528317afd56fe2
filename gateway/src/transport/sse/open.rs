//! `GET /events`: opens a stream. A rejected client gets an HTTP error, on which a browser's
//! `EventSource` stops.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use socket2::SockRef;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ErrorCode, Transport};

use super::super::frame_queue::FrameQueue;
use super::super::{ConnectionTakeover, taken_over};
use super::super::{Context, cors, credentials, rejection};
use super::output::StreamOutput;
use super::position::{Position, ResumePosition};
use super::stream::Stream;
use super::{encode, retry_stream};
use crate::problem::Problem;
use crate::session::{self, ConnectRequest};

/// Range of the reconnect delay in seconds, if the stream breaks without notice. Random, so that
/// the clients of a failed node do not reconnect at the same time.
const RETRY_SECONDS: (f64, f64) = (0.5, 3.0);

/// The parameters of a request for a stream.
struct StreamRequest {
    resume: ResumePosition,
    topics: Vec<Channel>,
}

/// Handles `GET /events`.
pub(in super::super) async fn open(State(context): State<Context>, request: Request) -> Response {
    let accepts_only_stream = retry_stream::accepts_only_stream(request.headers());
    match accept(&context, request).await {
        Ok(()) => taken_over().await,
        Err(problem) if accepts_only_stream && retry_stream::is_temporary(&problem) => {
            retry_stream::response(&problem)
        }
        Err(problem) => rejection::response(problem),
    }
}

/// Joins the session first, and takes the connection over only once the client is accepted.
async fn accept(context: &Context, request: Request) -> Result<(), Problem> {
    let count = |problem| rejection::count(context, problem);
    if request.method() != Method::GET {
        let detail = "expected GET to open a stream";
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, detail));
    }
    if let Some(problem) = rejection::draining(context) {
        return Err(count(problem));
    }
    let token = credentials::token(context, request.headers(), request.uri().query());
    let token = token.map_err(|rejection| count(rejection::problem(&rejection)))?;
    let wanted = StreamRequest::of(&request).map_err(count)?;
    let Some(takeover) = request.extensions().get::<ConnectionTakeover>().cloned() else {
        return Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "this connection cannot be used for a stream; connect over HTTP/1.1",
        ));
    };
    let cursor = wanted.resume.user.map(|cursor| cursor.to_string());
    let frame_queue = Arc::new(FrameQueue::with_frames(wanted.frames()));
    let output = Arc::new(StreamOutput::new(wanted.position(), head(context, request.headers())));
    drop(request);
    let mut stream = Stream::new(Arc::clone(&output), Arc::clone(&frame_queue));
    let connect = ConnectRequest { token: Some(token), cursor, transport: Transport::Sse };
    let joined = match session::join(&context.sessions, &mut stream, connect).await {
        Ok(joined) => joined,
        Err(rejection) => return Err(rejection::problem(&rejection.unwrap_or_else(disconnected))),
    };
    let registration = context.streams.register(joined.connection(), joined.user().clone(), frame_queue);
    let sessions = Arc::clone(&context.sessions);
    // The client sends nothing on its stream.
    takeover.take_over(move |connection, _| {
        let _ = SockRef::from(&connection).set_tcp_user_timeout(Some(2 * sessions.limits.heartbeat));
        output.attach(connection);
        let mut stream = stream.registered(registration);
        sessions.life.tasks.clone().spawn(async move {
            if session::Peer::flush(&mut stream).await.is_ok() {
                joined.spawn(sessions, stream);
            }
        });
    });
    Ok(())
}

fn disconnected() -> crate::auth::Rejection {
    crate::auth::Rejection::new(ErrorCode::Internal, "the client disconnected")
}

impl StreamRequest {
    /// Parses the request. `Last-Event-ID` wins over `cursor`, since a browser reconnects with the
    /// original URL.
    fn of(request: &Request) -> Result<Self, Problem> {
        let bad = |name: &str, code, says: String| {
            Problem::new(StatusCode::BAD_REQUEST, code, format!("`{name}`: {says}")).attribute(name)
        };
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
            .map_err(|_| bad("query", ErrorCode::BadRequest, "expected percent-encoded UTF-8".to_owned()))?;
        let last = request.headers().get("last-event-id").filter(|value| !value.is_empty());
        let last = last.map(|value| ("Last-Event-ID", String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let named = || pairs.iter().find(|(name, _)| name == "cursor").map(|(_, value)| ("cursor", value.clone()));
        let resume = match last.or_else(named) {
            Some((name, text)) => text
                .parse::<ResumePosition>()
                .map_err(|error| bad(name, ErrorCode::BadCursor, error.to_string()))?,
            None => ResumePosition::default(),
        };
        let topics = pairs.iter().filter(|(name, _)| name == "topic").map(|(_, topic)| Channel::topic(topic));
        let topics = topics.collect::<Result<_, _>>();
        let topics = topics.map_err(|error| bad("topic", ErrorCode::BadChannel, error.to_string()))?;
        Ok(Self { resume, topics })
    }

    /// Returns the frames that another client would send itself: a resume of `all`, and a
    /// subscription to each topic from its cursor.
    fn frames(&self) -> VecDeque<String> {
        let subscribe = self.topics.iter().map(|topic| {
            let resume = self.resume.others.iter().find(|(channel, _)| channel == topic);
            let cursor = resume.map(|(_, cursor)| cursor.to_string());
            json!({ "type": "wirebell.subscribe", "channel": topic, "cursor": cursor }).to_string()
        });
        let missed = self.all().map(|(channel, cursor)| {
            let cursors = json!({ channel.as_str(): cursor.to_string() });
            json!({ "type": "wirebell.resume", "cursors": cursors }).to_string()
        });
        missed.into_iter().chain(subscribe).collect()
    }

    fn position(&self) -> Position {
        let mut position = Position::new(self.topics.iter().cloned());
        if let Some((channel, cursor)) = self.all() {
            position.advance(channel.as_str(), *cursor);
        }
        position
    }

    fn all(&self) -> Option<&(Channel, wirebell_protocol::Cursor)> {
        self.resume.others.iter().find(|(channel, _)| channel.kind() == Kind::All)
    }
}

/// Returns the response's head. It has no length, since the stream ends with its connection.
fn head(context: &Context, request_headers: &HeaderMap) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Otherwise nginx holds the response back until a buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    cors::allow(context, request_headers.get(header::ORIGIN), &mut headers);
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in &headers {
        let _ = write!(head, "{name}: ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let (min, max) = RETRY_SECONDS;
    encode::retry(min + (max - min) * fastrand::f64(), &mut head);
    head
}
