//! A well-behaved client: a WebSocket, a token in one of four places, and JSON frames.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebell_protocol::frame::{BEARER_SUBPROTOCOL, SUBPROTOCOL};

use crate::TIMEOUT;

/// Where the client puts its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenLocation {
    /// `Authorization: Bearer`.
    Header,
    /// The subprotocol `wirebell.bearer.<jwt>`.
    Subprotocol,
    /// `?access_token=`.
    Query,
    /// The first frame.
    Frame,
}

impl TokenLocation {
    /// All four locations.
    pub const ALL: [Self; 4] = [Self::Header, Self::Subprotocol, Self::Query, Self::Frame];
}

/// What the client received from the node.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A text frame.
    Frame(Value),
    /// A ping. The client has answered it.
    Ping,
    /// A close frame, with its code if there is one.
    Closed(Option<u16>),
    /// The connection broke without a close frame.
    Lost,
    /// Nothing arrived in time.
    Silence,
}

/// The node did not answer the upgrade with 101.
#[derive(Debug)]
pub struct UpgradeRejected {
    /// The HTTP status; 0 if the connection failed before a response.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// A connected client.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    /// The subprotocol that the node chose.
    pub subprotocol: Option<String>,
    /// The `wirebell.welcome`, once [`Self::connect`] has received it.
    pub welcome: Value,
    last: String,
}

impl Client {
    /// Connects with the token in a header, and waits for the welcome.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        Self::connect_with(address, TokenLocation::Header, token).await
    }

    /// Connects with the token in this location, and waits for the welcome.
    pub async fn connect_with(address: SocketAddr, location: TokenLocation, token: &str) -> Self {
        let mut client = Self::open(address, Some((location, token))).await.expect("an upgrade");
        client.welcome = client.frame("wirebell.welcome").await;
        client
    }

    /// Reconnects with the cursor of the last received event, and waits for the welcome.
    pub async fn resume(address: SocketAddr, token: &str, cursor: &str) -> Self {
        let mut request = request(address, Some((TokenLocation::Header, token)));
        let uri = format!("ws://{address}/ws?cursor={cursor}");
        *request.uri_mut() = uri.parse().expect("a URL");
        let mut client = Self::open_with(address, request).await.expect("an upgrade");
        client.welcome = client.frame("wirebell.welcome").await;
        client
    }

    /// Connects without waiting for a welcome.
    pub async fn open(address: SocketAddr, token: Option<(TokenLocation, &str)>) -> Result<Self, UpgradeRejected> {
        let mut client = Self::open_with(address, request(address, token)).await?;
        if let Some((TokenLocation::Frame, token)) = token {
            client.send(&json!({"type": "wirebell.auth", "token": token})).await;
        }
        Ok(client)
    }

    async fn open_with(address: SocketAddr, request: Request) -> Result<Self, UpgradeRejected> {
        let failed = |error: &dyn std::fmt::Display| UpgradeRejected { status: 0, body: error.to_string() };
        let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
        // Small buffers, because a test may hold thousands of clients.
        let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, response) = match tokio::time::timeout(TIMEOUT, handshake).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(Error::Http(response))) => return Err(refused(&response)),
            Ok(Err(error)) => return Err(failed(&error)),
            Err(_) => return Err(failed(&"no response to the upgrade")),
        };
        let header = response.headers().get("sec-websocket-protocol");
        let subprotocol = header.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        Ok(Self { socket, subprotocol, welcome: Value::Null, last: String::new() })
    }

    /// Returns the user that the welcome names.
    pub fn user(&self) -> &str {
        self.welcome["user"].as_str().unwrap_or("")
    }

    /// Returns the connection id that the welcome names.
    pub fn connection(&self) -> &str {
        self.welcome["connection"].as_str().unwrap_or("")
    }

    /// Returns the last text frame, byte for byte.
    pub fn last_text(&self) -> &str {
        &self.last
    }

    /// Sends a frame. A failure shows when the client reads the response.
    pub async fn send(&mut self, frame: &Value) {
        self.send_message(Message::text(frame.to_string())).await;
    }

    /// Sends any message.
    pub async fn send_message(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    /// Sends a close frame and waits for that of the node.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        let _ = self.ending().await;
    }

    /// Returns what the client receives next, or silence.
    pub async fn next(&mut self, within: Duration) -> Incoming {
        tokio::time::timeout(within, self.receive()).await.unwrap_or(Incoming::Silence)
    }

    /// Returns the next frame of this type. Frames before it are skipped.
    pub async fn frame(&mut self, kind: &str) -> Value {
        self.find(&format!("a `{kind}`"), |frame| frame["type"] == kind).await
    }

    /// Returns the next event. Frames of the protocol are skipped.
    pub async fn event(&mut self) -> Value {
        self.find("an event", is_event).await
    }

    /// Sends a frame and returns the response with the same `ref`.
    pub async fn request(&mut self, frame: &Value) -> Value {
        self.send(frame).await;
        self.find("an answer", |answer| answer["ref"] == frame["ref"]).await
    }

    /// Returns all events until nothing arrives for this long.
    pub async fn events_until_silence(&mut self, silence: Duration) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.next(silence).await {
                Incoming::Frame(frame) if is_event(&frame) => events.push(frame),
                Incoming::Frame(_) | Incoming::Ping => {}
                Incoming::Silence => return events,
                end => panic!("the connection ended: {end:?}"),
            }
        }
    }

    /// Returns all frames until the end, and the end. A connection that stays open, pinged or not,
    /// ends in silence.
    pub async fn ending(&mut self) -> (Vec<Value>, Incoming) {
        let (mut frames, started) = (Vec::new(), Instant::now());
        loop {
            match self.next(TIMEOUT.saturating_sub(started.elapsed())).await {
                Incoming::Frame(frame) => frames.push(frame),
                Incoming::Ping => {}
                end => return (frames, end),
            }
        }
    }

    async fn find(&mut self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let (mut skipped, started) = (Vec::new(), Instant::now());
        loop {
            match self.next(TIMEOUT.saturating_sub(started.elapsed())).await {
                Incoming::Frame(frame) if matches(&frame) => return frame,
                Incoming::Ping => {}
                Incoming::Frame(other) => skipped.push(other),
                end => panic!("expected {what}, found {end:?} after {skipped:?}"),
            }
        }
    }

    async fn receive(&mut self) -> Incoming {
        loop {
            return match self.socket.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(frame) => {
                        text.as_str().clone_into(&mut self.last);
                        Incoming::Frame(frame)
                    }
                    Err(error) => panic!("the node sent invalid JSON ({error}): {text}"),
                },
                Some(Ok(Message::Ping(_))) => {
                    let _ = self.socket.flush().await;
                    Incoming::Ping
                }
                Some(Ok(Message::Close(frame))) => Incoming::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Incoming::Lost,
            };
        }
    }
}

/// Returns whether a frame is an event and not a frame of the protocol.
pub fn is_event(frame: &Value) -> bool {
    frame["type"].as_str().is_some_and(|kind| !kind.starts_with("wirebell."))
}

fn request(address: SocketAddr, token: Option<(TokenLocation, &str)>) -> Request {
    let query = match token {
        Some((TokenLocation::Query, token)) => format!("?access_token={token}"),
        _ => String::new(),
    };
    let mut request = format!("ws://{address}/ws{query}").into_client_request().expect("a URL");
    let headers = request.headers_mut();
    let offered = match token {
        Some((TokenLocation::Subprotocol, token)) => format!("{SUBPROTOCOL}, {BEARER_SUBPROTOCOL}{token}"),
        _ => SUBPROTOCOL.to_owned(),
    };
    headers.insert("sec-websocket-protocol", offered.parse().expect("a header"));
    if let Some((TokenLocation::Header, token)) = token {
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    }
    request
}

fn refused(response: &tokio_tungstenite::tungstenite::http::Response<Option<Vec<u8>>>) -> UpgradeRejected {
    let body = response.body().as_deref().unwrap_or_default();
    UpgradeRejected { status: response.status().as_u16(), body: String::from_utf8_lossy(body).into_owned() }
}
