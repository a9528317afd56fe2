//! Implements [`Peer`] for a WebSocket.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use wirebell_protocol::CloseCode;

use super::reader::{Message, Violation};
use super::sender::Sender;
use super::socket::{Ended, Socket};
use crate::session::{Disconnected, Incoming, Peer, Wire};

impl Peer for Socket {
    type Text = String;

    fn receive(&mut self) -> impl Future<Output = Incoming<String>> + Send {
        poll_fn(|context| self.poll_receive(context))
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Disconnected> {
        self.queue_text(&frame);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        Socket::flush(self).await.map_err(|_| Disconnected)
    }

    async fn ping(&mut self) -> Result<(), Disconnected> {
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

impl Socket {
    /// Returns the next message as the session sees it. Completes the close handshake.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Incoming<String>> {
        if self.close_received {
            return self.poll_finish_close(context);
        }
        Poll::Ready(match ready!(self.poll_read(context)) {
            Ok(Message::Text(text)) => Incoming::Text(text),
            Ok(Message::Binary(_)) => Incoming::Binary,
            Ok(Message::Ping(_) | Message::Pong) => Incoming::Alive,
            Ok(Message::Close(_)) => return self.poll_finish_close(context),
            Err(Ended::Closed) => Incoming::Closed,
            Err(Ended::Violation(Violation::TooLarge)) => Incoming::TooLarge,
            Err(Ended::Violation(Violation::InvalidUtf8)) => Incoming::InvalidUtf8,
            Err(Ended::Violation(Violation::Protocol)) => Incoming::ProtocolError,
        })
    }

    /// Sends the reply to the client's close frame. A failure is ignored, since the connection ends
    /// in any case.
    fn poll_finish_close(&mut self, context: &mut Context<'_>) -> Poll<Incoming<String>> {
        self.close_received = true;
        self.sender().poll_flush(context).map(|_| Incoming::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_of_an_idle_connection_is_small() {
        let bytes = crate::session::task_bytes::<Socket>();
        // The runtime adds 112 bytes to a task, and rounds it up to a multiple of 128.
        assert!(bytes <= 640 - 112, "{bytes} bytes");
    }
}
