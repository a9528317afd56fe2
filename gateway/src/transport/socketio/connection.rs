//! An Engine.IO connection: long polling or a WebSocket.

use std::time::Duration;

use tokio::time::timeout;
use wirebell_protocol::CloseCode;

use super::engine::{CLOSE, PING, PONG, Packet, SEPARATOR};
use super::polling::Received;
use super::registry::Registration;
use crate::session::{Disconnected, Incoming};
use crate::transport::websocket::{Ended, Message, Socket, Violation};

/// How long a polling client has to fetch the close packet.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What carries the packets of a connection.
pub(super) enum Connection {
    Polling(Registration),
    WebSocket(Socket),
}

impl Connection {
    /// Receives the next message, and handles all other packets. Cancel safe.
    pub(super) async fn receive(&mut self) -> Incoming<String> {
        loop {
            let text = match self.packet().await {
                Ok(text) => text,
                Err(end) => return end,
            };
            match Packet::parse(&text) {
                Packet::Message(message) => return Incoming::Text(message.to_owned()),
                Packet::Pong => return Incoming::Alive,
                Packet::Ping(what) => self.queue(&format!("{PONG}{what}")),
                Packet::Close => return Incoming::Closed,
                Packet::Binary => return Incoming::Binary,
                Packet::Other => {}
            }
        }
    }

    /// Returns the next packet of the client, over either transport.
    async fn packet(&mut self) -> Result<String, Incoming<String>> {
        loop {
            match self {
                Self::Polling(registration) => {
                    let polling = registration.polling();
                    match std::future::poll_fn(|context| polling.poll_received(context)).await {
                        Received::Packet(packet) => return Ok(packet),
                        Received::Socket(socket) => self.upgrade(*socket),
                        Received::Closed => return Err(Incoming::Closed),
                    }
                }
                Self::WebSocket(socket) => match socket.read().await {
                    Ok(Message::Text(text)) => return Ok(text),
                    Ok(Message::Binary(_)) => return Err(Incoming::Binary),
                    Ok(Message::Ping(_) | Message::Pong) => return Err(Incoming::Alive),
                    Ok(Message::Close(_)) => {
                        let _ = socket.flush().await;
                        return Err(Incoming::Closed);
                    }
                    Err(Ended::Closed) => return Err(Incoming::Closed),
                    Err(Ended::Violation(Violation::TooLarge)) => return Err(Incoming::TooLarge),
                    Err(Ended::Violation(Violation::InvalidUtf8)) => return Err(Incoming::InvalidUtf8),
                    Err(Ended::Violation(Violation::Protocol)) => return Err(Incoming::ProtocolError),
                },
            }
        }
    }

    fn upgrade(&mut self, socket: Socket) {
        if let Self::Polling(registration) = self {
            for packet in
                registration.polling().take_outgoing().split(SEPARATOR).filter(|packet| !packet.is_empty())
            {
                socket.queue_text(packet.as_bytes());
            }
        }
        *self = Self::WebSocket(socket);
    }

    /// Queues a packet.
    pub(super) fn queue(&self, packet: &str) {
        match self {
            Self::Polling(registration) => registration.polling().queue(packet),
            Self::WebSocket(socket) => socket.queue_text(packet.as_bytes()),
        }
    }

    /// Sends the queued packets, or waits until a poll has fetched them.
    pub(super) async fn flush(&mut self) -> Result<(), Disconnected> {
        match self {
            Self::Polling(registration) => {
                let polling = registration.polling();
                std::future::poll_fn(|context| polling.poll_flush(context)).await;
                if polling.is_closed() { Err(Disconnected) } else { Ok(()) }
            }
            Self::WebSocket(socket) => socket.flush().await.map_err(|_| Disconnected),
        }
    }

    /// Sends a ping.
    pub(super) async fn ping(&mut self) -> Result<(), Disconnected> {
        self.queue(PING);
        self.flush().await
    }

    /// Closes the connection.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &str) {
        match self {
            Self::Polling(_) => {
                // The close packet needs a response of its own: clients ignore packets next to it.
                let fetched = async {
                    let _ = self.flush().await;
                    self.queue(CLOSE);
                    self.flush().await
                };
                let _ = timeout(CLOSE_TIMEOUT, fetched).await;
            }
            Self::WebSocket(socket) => socket.close(code, reason).await,
        }
    }
}
