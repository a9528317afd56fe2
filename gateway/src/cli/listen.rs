//! `wirebell listen`: a client in a terminal.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::SUBPROTOCOL;

use super::{CommandResult, block_on, token};
use crate::auth::Grant;
use crate::config::DEV_SECRET;

/// The maximum delay before a reconnect.
const MAX_DELAY: Duration = Duration::from_secs(10);

/// `wirebell listen --token …`
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// The client's token
    #[arg(long, required_unless_present_any = ["token_file", "user"], conflicts_with_all = ["token_file", "user"])]
    token: Option<String>,
    /// File with the client's token
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    token_file: Option<PathBuf>,
    /// Connect to `wirebell dev` as this user, with a generated token
    #[arg(long)]
    user: Option<String>,
    /// Topic to subscribe to; can be repeated
    #[arg(long = "topic", value_name = "NAME")]
    topics: Vec<String>,
    /// URL of the client API
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// Exit after this number of events
    #[arg(long, value_name = "EVENTS")]
    count: Option<u64>,
}

/// Lifetime of a generated token.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How a connection ended.
enum End {
    /// The requested number of events has arrived.
    Done,
    /// A reconnect may succeed.
    Lost(String),
    /// A reconnect would fail the same way.
    Rejected(String),
}

impl Listen {
    pub(super) fn run(self) -> CommandResult {
        let token = self.token()?;
        block_on(async move {
            let mut remaining = self.count;
            let mut max_delay = Duration::ZERO;
            loop {
                let why = match self.run_connection(&token, &mut remaining).await {
                    End::Done => return Ok(()),
                    End::Rejected(why) => return Err(why),
                    End::Lost(why) => why,
                };
                // Full jitter spreads the reconnects of many clients.
                max_delay = (max_delay * 2).clamp(Duration::from_millis(500), MAX_DELAY);
                let delay = max_delay.mul_f64(fastrand::f64());
                eprintln!("wirebell: {why}; retrying in {:.1} s", delay.as_secs_f64());
                tokio::time::sleep(delay).await;
            }
        })
    }

    fn token(&self) -> Result<String, String> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        if let Some(path) = &self.token_file {
            let text = std::fs::read_to_string(path);
            return text
                .map(|text| text.trim().to_owned())
                .map_err(|e| format!("--token-file {}: {e}", path.display()));
        }
        let user = self.user.clone().unwrap_or_default();
        let (topics, emit) = (token::match_all(), token::match_all());
        token::mint(DEV_SECRET, &Grant { user, topics, emit, device: None, lifetime: TOKEN_LIFETIME })
    }

    /// Connects, subscribes, and prints frames until the connection ends.
    async fn run_connection(&self, token: &str, remaining: &mut Option<u64>) -> End {
        let rejected = |error: &dyn std::fmt::Display| End::Rejected(error.to_string());
        let mut request = match self.url.as_str().into_client_request() {
            Ok(request) => request,
            Err(error) => return End::Rejected(format!("--url: expected ws://host:port/ws: {error}")),
        };
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        match HeaderValue::from_str(&format!("Bearer {token}")) {
            Ok(value) => headers.insert(header::AUTHORIZATION, value),
            Err(_) => return rejected(&"the token contains invalid characters"),
        };
        let mut socket = match connect_async(request).await {
            Ok((socket, _)) => socket,
            Err(Error::Url(error)) => return End::Rejected(format!("--url: expected ws://host:port/ws: {error}")),
            Err(Error::Http(response)) if response.status().is_client_error() => {
                return rejected(&format!("{} answered {}", self.url, response.status()));
            }
            Err(error) => return End::Lost(format!("cannot connect to {}: {error}", self.url)),
        };
        for topic in &self.topics {
            let frame = serde_json::json!({ "type": "wirebell.subscribe", "channel": format!("topic:{topic}") });
            if let Err(error) = socket.send(Message::text(frame.to_string())).await {
                return End::Lost(error.to_string());
            }
        }
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Text(text)) => {
                    println!("{text}");
                    if is_event(&text) && count_down(remaining) {
                        let _ = socket.close(None).await;
                        return End::Done;
                    }
                }
                Ok(Message::Close(frame)) => return closed(frame.as_ref()),
                Ok(_) => {}
                Err(error) => return End::Lost(error.to_string()),
            }
        }
        End::Lost("the connection was closed".to_owned())
    }
}

fn is_event(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|frame| frame["type"].as_str().is_some_and(|kind| !kind.starts_with("wirebell.")))
}

/// Counts one event. Returns whether it was the last one.
fn count_down(remaining: &mut Option<u64>) -> bool {
    remaining.as_mut().is_some_and(|remaining| {
        *remaining = remaining.saturating_sub(1);
        *remaining == 0
    })
}

fn closed(frame: Option<&CloseFrame>) -> End {
    let Some(frame) = frame else { return End::Lost("the connection was closed".to_owned()) };
    let code = u16::from(frame.code);
    let why = format!("closed with {code}: {}", frame.reason);
    let permanent = [CloseCode::Token, CloseCode::Forbidden, CloseCode::Policy].map(CloseCode::number);
    if permanent.contains(&code) { End::Rejected(why) } else { End::Lost(why) }
}
