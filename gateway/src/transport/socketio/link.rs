//! A connection of Engine.IO, polling or a WebSocket.

use std::time::Duration;

use tokio::time::timeout;
use wirebell_protocol::CloseCode;

use super::engine::{BETWEEN, CLOSE, PING, PONG, Packet};
use super::links::Entry;
use super::polling::Come;
use crate::session::{Gone, Incoming};
use crate::transport::websocket::{Ended, Message, Socket, Violation};

/// How long a client that polls has to fetch its goodbye.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

/// What carries the packets.
pub(super) enum Link {
    Polling(Entry),
    Socket(Socket),
}

impl Link {
    /// The next message. Safe to abandon. What else there is of a connection is done here.
    pub(super) async fn receive(&mut self) -> Incoming<String> {
        loop {
            let text = match self.packet().await {
                Ok(text) => text,
                Err(end) => return end,
            };
            match Packet::of(&text) {
                Packet::Message(message) => return Incoming::Text(message.to_owned()),
                Packet::Pong => return Incoming::Alive,
                Packet::Ping(what) => self.queue(&format!("{PONG}{what}")),
                Packet::Close => return Incoming::Gone,
                Packet::Binary => return Incoming::Binary,
                Packet::Other => {}
            }
        }
    }

    async fn packet(&mut self) -> Result<String, Incoming<String>> {
        loop {
            match self {
                Self::Polling(entry) => {
                    let polling = entry.polling();
                    match std::future::poll_fn(|context| polling.poll_come(context)).await {
                        Come::Packet(packet) => return Ok(packet),
                        Come::Socket(socket) => self.go_over(*socket),
                        Come::Closed => return Err(Incoming::Gone),
                    }
                }
                Self::Socket(socket) => match socket.read().await {
                    Ok(Message::Text(text)) => return Ok(text),
                    Ok(Message::Binary(_)) => return Err(Incoming::Binary),
                    Ok(Message::Ping(_) | Message::Pong) => return Err(Incoming::Alive),
                    Ok(Message::Close(_)) => {
                        let _ = socket.flush().await;
                        return Err(Incoming::Gone);
                    }
                    Err(Ended::Gone) => return Err(Incoming::Gone),
                    Err(Ended::Violation(Violation::TooLarge)) => return Err(Incoming::TooLarge),
                    Err(Ended::Violation(Violation::NotText)) => return Err(Incoming::NotText),
                    Err(Ended::Violation(Violation::Protocol)) => return Err(Incoming::Broken),
                },
            }
        }
    }

    fn go_over(&mut self, socket: Socket) {
        if let Self::Polling(entry) = self {
            for packet in entry.polling().take_out().split(BETWEEN).filter(|packet| !packet.is_empty()) {
                socket.queue_text(packet.as_bytes());
            }
        }
        *self = Self::Socket(socket);
    }

    /// Puts a packet behind what waits.
    pub(super) fn queue(&self, packet: &str) {
        match self {
            Self::Polling(entry) => entry.polling().queue(packet),
            Self::Socket(socket) => socket.queue_text(packet.as_bytes()),
        }
    }

    /// Sends what waits: the client has it, or its next request brings it.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        match self {
            Self::Polling(entry) => {
                let polling = entry.polling();
                std::future::poll_fn(|context| polling.poll_flush(context)).await;
                if polling.is_closed() { Err(Gone) } else { Ok(()) }
            }
            Self::Socket(socket) => socket.flush().await.map_err(|_| Gone),
        }
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) -> Result<(), Gone> {
        self.queue(PING);
        self.flush().await
    }

    /// Ends the connection.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &str) {
        match self {
            Self::Polling(_) => {
                // In an answer of its own: clients forget what comes with it.
                let fetched = async {
                    let _ = self.flush().await;
                    self.queue(CLOSE);
                    self.flush().await
                };
                let _ = timeout(GOODBYE_PATIENCE, fetched).await;
            }
            Self::Socket(socket) => socket.close(code, reason).await,
        }
    }
}
