//! A stream as a session's peer.

use std::net::Shutdown;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::time::timeout;
use wirebell_protocol::CloseCode;
use wirebell_protocol::frame::server::ServerFrame;

use super::super::mailbox::Mailbox;
use super::encode::HEARTBEAT;
use super::outlet::Outlet;
use super::posts::Entry;
use crate::session::{Gone, Incoming, Peer, Wire};

/// How long a client has to hang up once the stream is over.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

/// One client's stream.
pub(super) struct Stream {
    outlet: Arc<Outlet>,
    mailbox: Arc<Mailbox>,
    entry: Option<Entry>,
    /// A heartbeat was taken.
    is_alive: bool,
}

impl Stream {
    pub(super) fn new(outlet: Arc<Outlet>, mailbox: Arc<Mailbox>) -> Self {
        Self { outlet, mailbox, entry: None, is_alive: false }
    }

    /// It can be found by requests for as long as it lives.
    pub(super) fn listed(self, entry: Entry) -> Self {
        Self { entry: Some(entry), ..self }
    }
}

impl Peer for Stream {
    type Text = String;

    async fn receive(&mut self) -> Incoming<String> {
        if std::mem::take(&mut self.is_alive) {
            return Incoming::Alive;
        }
        let Some(pipe) = self.outlet.pipe() else { return Incoming::Gone };
        std::future::poll_fn(|context| match self.mailbox.poll(context) {
            Poll::Ready(frame) => Poll::Ready(Incoming::Text(frame)),
            Poll::Pending => pipe.poll_gone(context).map(|()| Incoming::Gone),
        })
        .await
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), Gone> {
        self.outlet.queue(&frame);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        match self.outlet.pipe() {
            Some(pipe) => pipe.flush().await.map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// As the hub does it by the wire, and therefore as if it were answered.
    async fn ping(&mut self) -> Result<(), Gone> {
        self.outlet.queue_bytes(HEARTBEAT);
        self.flush().await?;
        self.is_alive = true;
        Ok(())
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.entry = None;
        self.outlet.queue(&ServerFrame::Close { code, reason }.encode());
        let Some(pipe) = self.outlet.pipe() else { return };
        let seen_off = async {
            if pipe.flush().await.is_ok() && SockRef::from(pipe.stream()).shutdown(Shutdown::Write).is_ok() {
                std::future::poll_fn(|context| pipe.poll_gone(context)).await;
            }
        };
        let _ = timeout(GOODBYE_PATIENCE, seen_off).await;
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        Some(Arc::<Outlet>::clone(&self.outlet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_stream_is_a_small_task() {
        let bytes = crate::session::task_bytes::<Stream>();
        // The runtime adds 112 to a task, and rounds it up to whole 128.
        assert!(bytes <= 640 - 112, "{bytes} bytes");
    }
}
