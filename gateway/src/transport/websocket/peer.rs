//! A WebSocket as a session's peer.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::CloseCode;

use super::reader::{Message, Violation};
use super::sender::Sender;
use super::socket::{Ended, Socket};
use crate::session::{Gone, Incoming, Peer, Wire};

impl Peer for Socket {
    type Text = String;

    async fn receive(&mut self) -> Incoming<String> {
        match self.read().await {
            Ok(Message::Text(text)) => Incoming::Text(text),
            Ok(Message::Binary(_)) => Incoming::Binary,
            Ok(Message::Ping(_) | Message::Pong) => Incoming::Alive,
            Ok(Message::Close(_)) => {
                // The answer to a goodbye. There is nobody to tell if it does not arrive.
                let _ = self.flush().await;
                Incoming::Gone
            }
            Err(Ended::Gone) => Incoming::Gone,
            Err(Ended::Violation(Violation::TooLarge)) => Incoming::TooLarge,
            Err(Ended::Violation(Violation::NotText)) => Incoming::NotText,
            Err(Ended::Violation(Violation::Protocol)) => Incoming::Broken,
        }
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Gone> {
        self.queue_text(&frame);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Socket::flush(self).await.map_err(|_| Gone)
    }

    async fn ping(&mut self) -> Result<(), Gone> {
        self.queue_ping();
        Peer::flush(self).await
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        Socket::close(self, code, reason).await;
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        Some(Arc::<Sender>::clone(self.sender()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_a_small_task() {
        let bytes = crate::session::task_bytes::<Socket>();
        assert!(bytes <= 768, "{bytes} bytes");
    }
}
