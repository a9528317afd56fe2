//! A Socket.IO client as a session's peer.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::server::ServerFrame;

use super::acks::Acks;
use super::decode::{self, MAIN, Packet};
use super::encode::{self, DISCONNECT};
use super::link::Link;
use super::wire::Line;
use crate::session::{Gone, Incoming, Peer, Wire};

/// What no session takes for a frame, and answers as such.
const NO_FRAME: &str = "";

/// One client.
pub(super) struct Client {
    link: Link,
    line: Arc<Line>,
    acks: Acks,
}

impl Client {
    pub(super) fn new(link: Link) -> Self {
        let client = Self { link, line: Arc::default(), acks: Acks::default() };
        client.open_line();
        client
    }

    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    fn open_line(&self) {
        if let Link::Socket(socket) = &self.link
            && !self.line.is_open()
        {
            self.line.open(socket);
        }
    }

    /// What a message is to the session; none if it is of no matter.
    fn frame(&mut self, message: &str) -> Option<Incoming<String>> {
        Some(match Packet::of(message) {
            Packet::Event { id, arguments } => {
                Incoming::Text(decode::frame(id, arguments).unwrap_or_else(|| NO_FRAME.to_owned()))
            }
            // Of one that was not asked for, or long ago, there is nothing to be told.
            Packet::Ack { id } => Incoming::Text(self.acks.acknowledged(id)?),
            Packet::Binary => Incoming::Binary,
            Packet::Disconnect => Incoming::Gone,
            Packet::Connect { namespace: MAIN, .. } => return None,
            Packet::Connect { namespace, .. } => {
                self.link.queue(&encode::unknown_namespace(namespace));
                return Some(Incoming::Alive);
            }
            Packet::Broken => Incoming::Text(NO_FRAME.to_owned()),
        })
    }
}

impl Peer for Client {
    type Text = String;

    async fn receive(&mut self) -> Incoming<String> {
        loop {
            let come = self.link.receive().await;
            self.open_line();
            let Incoming::Text(message) = come else { return come };
            if let Some(incoming) = self.frame(&message) {
                return incoming;
            }
        }
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Gone> {
        let Self { link, acks, .. } = self;
        encode::packets(&frame, Some(acks), |packet| link.queue(packet));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.link.flush().await
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        self.link.ping().await
    }

    /// A client that is sent away by a packet stays away; one whose connection ends comes back by itself.
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = ServerFrame::Close { code, reason }.encode();
        encode::packets(&frame, None, |packet| self.link.queue(packet));
        if !comes_back(code) {
            self.link.queue(DISCONNECT);
        }
        self.link.close(code, reason).await;
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        Some(Arc::<Line>::clone(&self.line))
    }
}

fn comes_back(code: CloseCode) -> bool {
    use CloseCode as C;
    matches!(code, C::Normal | C::GoingAway | C::Internal | C::Restart | C::TooMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_client_is_a_small_task() {
        let bytes = crate::session::task_bytes::<Client>();
        assert!(bytes <= 880, "{bytes} bytes");
    }
}
