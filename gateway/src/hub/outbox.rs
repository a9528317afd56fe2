//! What waits for one session: frames, bounded in bytes, and at most one order. It holds no memory while it is empty.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;
use wirebell_protocol::{Announcement, Channel, Class, Cursor};

use super::line::Line;

/// A frame for a client, shared by all that get it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The text, ready to be written.
    pub bytes: Bytes,
    /// How its event is kept, which decides what happens when there is no room.
    pub class: Class,
    /// When the bus took the event, in microseconds since the Unix epoch.
    pub accepted_at: u64,
    /// What there is to report of it, if its publisher wants to know what becomes of it.
    pub watched: Option<Arc<Watched>>,
}

/// A watched event, as it has to be reported on.
#[derive(Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its channel.
    pub channel: Channel,
    /// Its id.
    pub id: Box<str>,
    /// Its place in the log, if it has one.
    pub cursor: Option<Cursor>,
}

impl Watched {
    /// What there is to report of an event, if anything.
    pub fn of(event: &Announcement) -> Option<Self> {
        let cursor = event.place.filter(|_| event.class == Class::Durable).map(|place| place.cursor);
        event.watched.clone().map(|id| Self { channel: event.channel.clone(), id, cursor })
    }
}

/// What a session is told to do, apart from writing frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// Tell the client to come back after so many milliseconds, and close then.
    Leave {
        /// Milliseconds.
        after: u64,
    },
    /// Close now: the process ends.
    Stop,
}

/// What became of a frame that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It waits for the session.
    Queued,
    /// No room, and its class may be dropped.
    Dropped,
    /// No room, and its class may not be dropped: the session has to read the log instead.
    Overflowed,
    /// The session has ended.
    Gone,
}

/// What a session has to do next.
#[derive(Debug)]
pub enum Next {
    /// Write these, in order.
    Frames(VecDeque<Frame>),
    /// Do this.
    Order(Order),
    /// There was no room for what came on these lines: read them behind these cursors.
    Behind(Vec<(Line, Cursor)>),
}

/// One session's outbox.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    number: u64,
    most_bytes: u32,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: u32,
    order: Option<Order>,
    behind: Vec<(Line, Cursor)>,
    closed: bool,
    waker: Option<Waker>,
}

impl Outbox {
    /// An empty one for that connection, which holds up to `most_bytes` of frames.
    pub fn new(number: u64, most_bytes: usize) -> Self {
        Self { state: Mutex::default(), number, most_bytes: u32::try_from(most_bytes).unwrap_or(u32::MAX) }
    }

    /// The connection's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Queues a frame and wakes the session. A frame larger than the whole outbox still passes through an empty
    /// one: the limit is for what piles up.
    pub fn offer(&self, frame: Frame) -> Offered {
        let mut state = self.lock();
        if state.closed {
            return Offered::Gone;
        }
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        if !state.frames.is_empty() && state.bytes.saturating_add(length) > self.most_bytes {
            return if frame.class == Class::Volatile { Offered::Dropped } else { Offered::Overflowed };
        }
        state.bytes = state.bytes.saturating_add(length);
        state.frames.push_back(frame);
        wake(state);
        Offered::Queued
    }

    /// What came on the line behind this cursor found no room. The session is told once it has taken the rest.
    pub fn behind(&self, line: Line, after: Cursor) {
        let mut state = self.lock();
        if !state.closed {
            state.behind.push((line, after));
            wake(state);
        }
    }

    /// Bytes of frames that wait.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.lock().bytes).unwrap_or(usize::MAX)
    }

    /// The session listens no longer for the channel: what it was to read of it is no longer for it.
    pub fn forget(&self, channel: &Channel) {
        self.lock().behind.retain(|(line, _)| line.channel != *channel);
    }

    /// Gives an order; a later one replaces one that was not yet taken.
    pub fn order(&self, order: Order) {
        let mut state = self.lock();
        state.order = Some(order);
        wake(state);
    }

    /// Nothing is taken any more.
    pub fn close(&self) {
        let mut state = self.lock();
        *state = State { closed: true, ..State::default() };
    }

    /// What to do next; waits for it. All frames that wait come at once, so that they can share a write.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            if let Some(order) = state.order.take() {
                return Poll::Ready(Next::Order(order));
            }
            if !state.frames.is_empty() {
                state.bytes = 0;
                return Poll::Ready(Next::Frames(std::mem::take(&mut state.frames)));
            }
            if !state.behind.is_empty() {
                return Poll::Ready(Next::Behind(std::mem::take(&mut state.behind)));
            }
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the session after the lock is let go, so that it does not wake up into it.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(class: Class, length: usize) -> Frame {
        Frame { bytes: vec![b'x'; length].into(), class, accepted_at: 0, watched: None }
    }

    #[test]
    fn each_class_overflows_by_its_own_name() {
        let outbox = Outbox::new(1, 100);
        assert_eq!(outbox.offer(frame(Class::Durable, 60)), Offered::Queued);
        assert_eq!(outbox.offer(frame(Class::Volatile, 60)), Offered::Dropped);
        assert_eq!(outbox.offer(frame(Class::Durable, 40)), Offered::Queued);
        assert_eq!(outbox.offer(frame(Class::Durable, 1)), Offered::Overflowed);
    }

    #[test]
    fn a_frame_larger_than_the_outbox_passes_through_an_empty_one() {
        assert_eq!(Outbox::new(1, 10).offer(frame(Class::Durable, 60)), Offered::Queued);
    }

    #[tokio::test]
    async fn orders_come_first_then_frames_then_what_is_to_be_read() {
        let outbox = Outbox::new(1, 10);
        outbox.offer(frame(Class::Durable, 8));
        outbox.behind(Line::log(&Channel::all()), Cursor::START);
        outbox.order(Order::Stop);
        assert!(matches!(outbox.next().await, Next::Order(Order::Stop)));
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
        assert!(
            matches!(outbox.next().await, Next::Behind(logs) if logs == [(Line::log(&Channel::all()), Cursor::START)])
        );
    }

    #[test]
    fn a_closed_outbox_takes_nothing() {
        let outbox = Outbox::new(1, 10);
        outbox.close();
        assert_eq!(outbox.offer(frame(Class::Durable, 1)), Offered::Gone);
    }
}
