//! Implements [`Peer`] for a Socket.IO client.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::server::ServerFrame;

use super::acks::Acks;
use super::connection::Connection;
use super::decode::{self, MAIN_NAMESPACE, Packet};
use super::encode::{self, DISCONNECT};
use super::wire::SocketWire;
use crate::session::{Disconnected, Incoming, Peer, Wire};

/// Text that is never a valid frame: the session replies with an error.
const INVALID_FRAME: &str = "";

/// One Socket.IO client.
pub(super) struct Client {
    connection: Connection,
    wire: Arc<SocketWire>,
    acks: Acks,
}

impl Client {
    pub(super) fn new(connection: Connection) -> Self {
        let client = Self { connection, wire: Arc::default(), acks: Acks::default() };
        client.open_wire();
        client
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn open_wire(&self) {
        if let Connection::WebSocket(socket) = &self.connection
            && !self.wire.is_open()
        {
            self.wire.open(socket);
        }
    }

    /// Translates a message for the session. Returns `None` if the session need not see it.
    fn frame(&mut self, message: &str) -> Option<Incoming<String>> {
        Some(match Packet::parse(message) {
            Packet::Event { id, arguments } => {
                Incoming::Text(decode::frame(id, arguments).unwrap_or_else(|| INVALID_FRAME.to_owned()))
            }
            // An acknowledgement that was not requested, or whose id was dropped, is ignored.
            Packet::Ack { id } => Incoming::Text(self.acks.acknowledged(id)?),
            Packet::Binary => Incoming::Binary,
            Packet::Disconnect => Incoming::Closed,
            Packet::Connect { namespace: MAIN_NAMESPACE, .. } => return None,
            Packet::Connect { namespace, .. } => {
                self.connection.queue(&encode::unknown_namespace(namespace));
                return Some(Incoming::Alive);
            }
            Packet::Invalid => Incoming::Text(INVALID_FRAME.to_owned()),
        })
    }
}

impl Peer for Client {
    type Text = String;

    async fn receive(&mut self) -> Incoming<String> {
        loop {
            let received = self.connection.receive().await;
            self.open_wire();
            let Incoming::Text(message) = received else { return received };
            if let Some(incoming) = self.frame(&message) {
                return incoming;
            }
        }
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Disconnected> {
        let Self { connection, acks, .. } = self;
        encode::packets(&frame, Some(acks), |packet| connection.queue(packet));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        self.connection.flush().await
    }

    async fn ping(&mut self) -> Result<(), Disconnected> {
        self.connection.ping().await
    }

    /// A client does not reconnect after a disconnect packet. After a lost connection it does.
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = ServerFrame::Close { code, reason }.encode();
        encode::packets(&frame, None, |packet| self.connection.queue(packet));
        if !reconnects_after(code) {
            self.connection.queue(DISCONNECT);
        }
        self.connection.close(code, reason).await;
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        Some(Arc::<SocketWire>::clone(&self.wire))
    }
}

fn reconnects_after(code: CloseCode) -> bool {
    use CloseCode as C;
    matches!(code, C::Normal | C::GoingAway | C::Internal | C::Restart | C::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_of_an_idle_client_is_small() {
        let bytes = crate::session::task_bytes::<Client>();
        assert!(bytes <= 880, "{bytes} bytes");
    }
}
