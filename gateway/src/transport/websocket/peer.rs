//! A WebSocket as a session's peer.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite;
use wirebell_protocol::CloseCode;

use crate::session::{Gone, Incoming, Peer};

/// How long a client has to answer a goodbye.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Socket(WebSocket);

impl Socket {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self(socket)
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        self.0.send(message).await.map_err(|_| Gone)
    }
}

impl Peer for Socket {
    type Text = Utf8Bytes;

    async fn receive(&mut self) -> Incoming<Utf8Bytes> {
        match self.0.recv().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Alive,
            Some(Ok(Message::Close(_))) | None => Incoming::Gone,
            Some(Err(error)) => broken(error),
        }
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Gone> {
        let text = Utf8Bytes::try_from(frame).map_err(|_| Gone)?;
        self.0.feed(Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.0.flush().await.map_err(|_| Gone)
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let goodbye = Message::Close(Some(CloseFrame { code: code.number(), reason: reason.into() }));
        let saying = async {
            if self.send(goodbye).await.is_ok() {
                // Until the client has said it too; what else it says is no longer heard.
                while let Some(Ok(_)) = self.0.recv().await {}
            }
        };
        let _ = tokio::time::timeout(GOODBYE_PATIENCE, saying).await;
    }
}

fn broken(error: axum::Error) -> Incoming<Utf8Bytes> {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => Incoming::TooLarge,
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => Incoming::Gone,
        Some(Error::Utf8(_)) => Incoming::NotText,
        Some(Error::Protocol(_)) => Incoming::Broken,
        _ => Incoming::Gone,
    }
}
