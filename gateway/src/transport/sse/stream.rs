//! Implements [`Peer`] for a Server-Sent Events stream.

use std::net::Shutdown;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::time::timeout;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::server::ServerFrame;

use super::super::frame_queue::FrameQueue;
use super::encode::HEARTBEAT;
use super::output::StreamOutput;
use super::registry::Registration;
use crate::session::{Disconnected, Incoming, Peer, Wire};

/// How long a client has to disconnect after the end of the stream.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// One client's stream.
pub(super) struct Stream {
    output: Arc<StreamOutput>,
    frame_queue: Arc<FrameQueue>,
    registration: Option<Registration>,
    /// A heartbeat was sent, and counts as a sign of life.
    heartbeat_sent: bool,
}

impl Stream {
    pub(super) fn new(output: Arc<StreamOutput>, frame_queue: Arc<FrameQueue>) -> Self {
        Self { output, frame_queue, registration: None, heartbeat_sent: false }
    }

    /// Keeps the registration, by which requests find the stream, for as long as the stream exists.
    pub(super) fn registered(self, registration: Registration) -> Self {
        Self { registration: Some(registration), ..self }
    }
}

impl Peer for Stream {
    type Text = String;

    async fn receive(&mut self) -> Incoming<String> {
        if std::mem::take(&mut self.heartbeat_sent) {
            return Incoming::Alive;
        }
        let Some(writer) = self.output.writer() else { return Incoming::Closed };
        std::future::poll_fn(|context| match self.frame_queue.poll(context) {
            Poll::Ready(frame) => Poll::Ready(Incoming::Text(frame)),
            Poll::Pending => writer.poll_closed(context).map(|()| Incoming::Closed),
        })
        .await
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Disconnected> {
        self.output.queue(&frame);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Disconnected> {
        match self.output.writer() {
            Some(writer) => writer.flush().await.map_err(|_| Disconnected),
            None => Ok(()),
        }
    }

    /// Sends a comment, and counts it as answered, as the hub does over the wire.
    async fn ping(&mut self) -> Result<(), Disconnected> {
        self.output.queue_bytes(HEARTBEAT);
        self.flush().await?;
        self.heartbeat_sent = true;
        Ok(())
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.registration = None;
        self.output.queue(&ServerFrame::Close { code, reason }.encode());
        let Some(writer) = self.output.writer() else { return };
        let finish_close = async {
            if writer.flush().await.is_ok() && SockRef::from(writer.stream()).shutdown(Shutdown::Write).is_ok() {
                std::future::poll_fn(|context| writer.poll_closed(context)).await;
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, finish_close).await;
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        Some(Arc::<StreamOutput>::clone(&self.output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_of_an_idle_stream_is_small() {
        let bytes = crate::session::task_bytes::<Stream>();
        // The runtime adds 112 bytes to a task, and rounds it up to a multiple of 128.
        assert!(bytes <= 640 - 112, "{bytes} bytes");
    }
}
