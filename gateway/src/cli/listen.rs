//! `wirebell listen`: a client, in a terminal.

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

/// The longest pause before connecting again.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// `wirebell listen --token …`
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// The client's token
    #[arg(long, required_unless_present_any = ["token_file", "user"], conflicts_with_all = ["token_file", "user"])]
    token: Option<String>,
    /// The client's token in a file
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    token_file: Option<PathBuf>,
    /// Be this user of `wirebell dev`, with a token made for it
    #[arg(long)]
    user: Option<String>,
    /// A topic to subscribe to; may be given several times
    #[arg(long = "topic", value_name = "NAME")]
    topics: Vec<String>,
    /// The clients' door
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// End after so many events
    #[arg(long, value_name = "EVENTS")]
    count: Option<u64>,
}

/// How long the token is good that is made for a user.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How a connection ended.
enum End {
    /// As many events have come as were asked for.
    Done,
    /// Coming back may help.
    Lost(String),
    /// Coming back will not help.
    Rejected(String),
}

impl Listen {
    pub(super) fn run(self) -> CommandResult {
        let token = self.token()?;
        block_on(async move {
            let mut remaining = self.count;
            let mut pause = Duration::ZERO;
            loop {
                match self.connection(&token, &mut remaining).await {
                    End::Done => return Ok(()),
                    End::Rejected(why) => return Err(why),
                    End::Lost(why) => eprintln!("wirebell: {why}; coming back"),
                }
                // Full jitter, so that many of these do not come back together.
                pause = (pause * 2).clamp(Duration::from_millis(500), MAX_PAUSE);
                tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
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
        let (topics, emit) = (token::everything(), token::everything());
        token::mint(DEV_SECRET, &Grant { user, topics, emit, device: None, lifetime: TOKEN_LIFETIME })
    }

    async fn connection(&self, token: &str, remaining: &mut Option<u64>) -> End {
        let rejected = |error: &dyn std::fmt::Display| End::Rejected(error.to_string());
        let mut request = match self.url.as_str().into_client_request() {
            Ok(request) => request,
            Err(error) => return End::Rejected(format!("--url: expected ws://host:port/ws: {error}")),
        };
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        match HeaderValue::from_str(&format!("Bearer {token}")) {
            Ok(value) => headers.insert(header::AUTHORIZATION, value),
            Err(_) => return rejected(&"the token has characters that no token has"),
        };
        let mut socket = match connect_async(request).await {
            Ok((socket, _)) => socket,
            Err(Error::Url(error)) => return End::Rejected(format!("--url: expected ws://host:port/ws: {error}")),
            Err(Error::Http(response)) if response.status().is_client_error() => {
                return rejected(&format!("the node answered {}", response.status()));
            }
            Err(error) => return End::Lost(error.to_string()),
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

/// One event less to wait for. True if it was the last.
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
