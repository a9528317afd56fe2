//! A polling connection: the packets for the next poll, the packets received by posts, and the
//! WebSocket after an upgrade.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::engine::{NOOP, SEPARATOR};
use crate::transport::websocket::Socket;

/// Maximum number of received packets. A larger post is accepted if the queue is empty.
const MAX_PACKETS: usize = 32;

/// The state of one polling connection.
#[derive(Default)]
pub(super) struct Polling(Mutex<State>);

#[derive(Default)]
struct State {
    /// Packets for the next poll.
    outgoing: String,
    /// The waiting poll.
    poll: Option<oneshot::Sender<String>>,
    received: VecDeque<String>,
    /// An upgrade is in progress: polls get a response at once.
    is_upgrading: bool,
    socket: Option<Box<Socket>>,
    is_closed: bool,
    session: Option<Waker>,
}

/// The response to a poll.
pub(super) enum PollResponse {
    /// Respond with these packets now.
    Now(String),
    /// Respond when packets arrive; the channel is closed if the connection ends.
    Later(oneshot::Receiver<String>),
    /// Another poll is already waiting, which violates the protocol.
    Duplicate,
}

/// Input for the session.
pub(super) enum Received {
    Packet(String),
    Socket(Box<Socket>),
    Closed,
}

impl Polling {
    /// Handles a poll.
    pub(super) fn poll(&self) -> PollResponse {
        let mut state = self.lock();
        if state.poll.as_ref().is_some_and(|poll| !poll.is_closed()) {
            return PollResponse::Duplicate;
        }
        if state.outgoing.is_empty() && !state.is_upgrading && !state.is_closed {
            let (sender, receiver) = oneshot::channel();
            state.poll = Some(sender);
            return PollResponse::Later(receiver);
        }
        let outgoing = std::mem::take(&mut state.outgoing);
        wake(state);
        PollResponse::Now(if outgoing.is_empty() { NOOP.to_owned() } else { outgoing })
    }

    /// Queues the packets of a post. Returns them if the queue is full.
    pub(super) fn post(&self, packets: Vec<String>) -> Result<(), Vec<String>> {
        let mut state = self.lock();
        if !state.received.is_empty() && state.received.len() + packets.len() > MAX_PACKETS {
            return Err(packets);
        }
        state.received.extend(packets);
        wake(state);
        Ok(())
    }

    /// Begins or cancels an upgrade.
    pub(super) fn set_upgrading(&self, is_upgrading: bool) {
        let mut state = self.lock();
        state.is_upgrading = is_upgrading;
        if is_upgrading && let Some(poll) = state.poll.take() {
            // The client waits for its poll to end before it completes the upgrade.
            let _ = poll.send(NOOP.to_owned());
        }
    }

    /// Completes the upgrade with this WebSocket.
    pub(super) fn upgraded(&self, socket: Socket) {
        let mut state = self.lock();
        state.socket = Some(Box::new(socket));
        wake(state);
    }

    /// Closes the connection in both directions.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.poll = None;
        wake(state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Queues a packet for the next poll.
    pub(super) fn queue(&self, packet: &str) {
        let outgoing = &mut self.lock().outgoing;
        if !outgoing.is_empty() {
            outgoing.push(SEPARATOR);
        }
        outgoing.push_str(packet);
    }

    /// Takes the packets for the next poll, to send them over the WebSocket.
    pub(super) fn take_outgoing(&self) -> String {
        std::mem::take(&mut self.lock().outgoing)
    }

    /// Completes when a poll has taken all packets, or the client has upgraded.
    pub(super) fn poll_flush(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.outgoing.is_empty() || state.socket.is_some() || state.is_closed {
            return Poll::Ready(());
        }
        if let Some(poll) = state.poll.take() {
            match poll.send(std::mem::take(&mut state.outgoing)) {
                Ok(()) => return Poll::Ready(()),
                // The poll was canceled.
                Err(outgoing) => state.outgoing = outgoing,
            }
        }
        state.session = Some(context.waker().clone());
        Poll::Pending
    }

    /// Returns the next input.
    pub(super) fn poll_received(&self, context: &Context<'_>) -> Poll<Received> {
        let mut state = self.lock();
        if let Some(packet) = state.received.pop_front() {
            return Poll::Ready(Received::Packet(packet));
        }
        if let Some(socket) = state.socket.take() {
            return Poll::Ready(Received::Socket(socket));
        }
        if state.is_closed {
            return Poll::Ready(Received::Closed);
        }
        state.session = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.session.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flushed(polling: &Polling) -> bool {
        polling.poll_flush(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn packets_go_to_the_next_or_the_waiting_poll() {
        let polling = Polling::default();
        polling.queue("42[1]");
        polling.queue("42[2]");
        assert!(!flushed(&polling));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "42[1]\x1e42[2]"));
        assert!(flushed(&polling));
        let PollResponse::Later(mut waits) = polling.poll() else { panic!("no packet is queued") };
        assert!(matches!(polling.poll(), PollResponse::Duplicate));
        polling.queue("42[3]");
        assert!(flushed(&polling));
        assert_eq!(waits.try_recv().as_deref(), Ok("42[3]"));
    }

    #[test]
    fn canceled_poll_loses_no_packet() {
        let polling = Polling::default();
        drop(polling.poll());
        polling.queue("42[1]");
        assert!(!flushed(&polling));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "42[1]"));
    }

    #[test]
    fn polls_end_at_once_during_an_upgrade() {
        let polling = Polling::default();
        let PollResponse::Later(mut waits) = polling.poll() else { panic!("no packet is queued") };
        polling.set_upgrading(true);
        assert_eq!(waits.try_recv().as_deref(), Ok("6"));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "6"));
    }

    #[test]
    fn post_is_accepted_completely_or_not_at_all() {
        let polling = Polling::default();
        assert!(polling.post(vec!["3".to_owned(); 100]).is_ok());
        assert!(polling.post(vec!["3".to_owned()]).is_err());
    }
}
