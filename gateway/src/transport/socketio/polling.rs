//! A connection that consists of requests: what waits for the next poll, what came by posts, and the WebSocket to which it
//! goes over.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::engine::{NOOP, SEPARATOR};
use crate::transport::websocket::Socket;

/// Packets that may wait for a session. A post is taken whole where none wait.
const MAX_PACKETS: usize = 32;

/// One connection.
#[derive(Default)]
pub(super) struct Polling(Mutex<State>);

#[derive(Default)]
struct State {
    /// Packets for the next poll.
    outgoing: String,
    /// The poll that waits.
    poll: Option<oneshot::Sender<String>>,
    received: VecDeque<String>,
    /// A WebSocket is being tried: polls are answered at once.
    is_upgrading: bool,
    socket: Option<Box<Socket>>,
    is_closed: bool,
    session: Option<Waker>,
}

/// What a poll comes to.
pub(super) enum PollResponse {
    /// This is for it.
    Now(String),
    /// This will be; nothing if the connection ends.
    Later(oneshot::Receiver<String>),
    /// Another one waits already, which no client does.
    Duplicate,
}

/// What comes to the session.
pub(super) enum Received {
    Packet(String),
    Socket(Box<Socket>),
    Closed,
}

impl Polling {
    /// A poll has received.
    pub(super) fn poll(&self) -> PollResponse {
        let mut state = self.lock();
        if state.poll.as_ref().is_some_and(|poll| !poll.is_closed()) {
            return PollResponse::Duplicate;
        }
        if state.outgoing.is_empty() && !state.is_upgrading && !state.is_closed {
            let (give, take) = oneshot::channel();
            state.poll = Some(give);
            return PollResponse::Later(take);
        }
        let outgoing = std::mem::take(&mut state.outgoing);
        wake(state);
        PollResponse::Now(if outgoing.is_empty() { NOOP.to_owned() } else { outgoing })
    }

    /// A post has received. It is given back if there is no room.
    pub(super) fn post(&self, packets: Vec<String>) -> Result<(), Vec<String>> {
        let mut state = self.lock();
        if !state.received.is_empty() && state.received.len() + packets.len() > MAX_PACKETS {
            return Err(packets);
        }
        state.received.extend(packets);
        wake(state);
        Ok(())
    }

    /// A WebSocket is being tried, or is not any more.
    pub(super) fn set_upgrading(&self, is_upgrading: bool) {
        let mut state = self.lock();
        state.is_upgrading = is_upgrading;
        if is_upgrading && let Some(poll) = state.poll.take() {
            // Its client waits for it to end before it goes over.
            let _ = poll.send(NOOP.to_owned());
        }
    }

    /// The client has gone over.
    pub(super) fn upgraded(&self, socket: Socket) {
        let mut state = self.lock();
        state.socket = Some(Box::new(socket));
        wake(state);
    }

    /// Nothing comes or goes any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.poll = None;
        wake(state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Puts a packet behind what waits.
    pub(super) fn queue(&self, packet: &str) {
        let outgoing = &mut self.lock().outgoing;
        if !outgoing.is_empty() {
            outgoing.push(SEPARATOR);
        }
        outgoing.push_str(packet);
    }

    /// What waits for a poll, for another way to send it.
    pub(super) fn take_outgoing(&self) -> String {
        std::mem::take(&mut self.lock().outgoing)
    }

    /// Ready once a poll has taken all that waits, or the client has gone over.
    pub(super) fn poll_flush(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.outgoing.is_empty() || state.socket.is_some() || state.is_closed {
            return Poll::Ready(());
        }
        if let Some(poll) = state.poll.take() {
            match poll.send(std::mem::take(&mut state.outgoing)) {
                Ok(()) => return Poll::Ready(()),
                // It was given up.
                Err(outgoing) => state.outgoing = outgoing,
            }
        }
        state.session = Some(context.waker().clone());
        Poll::Pending
    }

    /// What comes next.
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
    fn what_is_sent_waits_for_a_poll_that_is_there() {
        let polling = Polling::default();
        polling.queue("42[1]");
        polling.queue("42[2]");
        assert!(!flushed(&polling));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "42[1]\x1e42[2]"));
        assert!(flushed(&polling));
        let PollResponse::Later(mut waits) = polling.poll() else { panic!("there is nothing for it") };
        assert!(matches!(polling.poll(), PollResponse::Duplicate));
        polling.queue("42[3]");
        assert!(flushed(&polling));
        assert_eq!(waits.try_recv().as_deref(), Ok("42[3]"));
    }

    #[test]
    fn a_poll_that_was_given_up_takes_nothing_with_it() {
        let polling = Polling::default();
        drop(polling.poll());
        polling.queue("42[1]");
        assert!(!flushed(&polling));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "42[1]"));
    }

    #[test]
    fn polls_end_at_once_while_the_client_goes_over() {
        let polling = Polling::default();
        let PollResponse::Later(mut waits) = polling.poll() else { panic!("there is nothing for it") };
        polling.set_upgrading(true);
        assert_eq!(waits.try_recv().as_deref(), Ok("6"));
        assert!(matches!(polling.poll(), PollResponse::Now(text) if text == "6"));
    }

    #[test]
    fn a_post_is_taken_whole_or_not_at_all() {
        let polling = Polling::default();
        assert!(polling.post(vec!["3".to_owned(); 100]).is_ok());
        assert!(polling.post(vec!["3".to_owned()]).is_err());
    }
}
