//! What waits for one session: frames, bounded in bytes, and at most one order. It holds no memory while it is empty.
//!
//! While the session rests, the hub sends what waits by itself, if the session has a wire. A session that does something
//! else is not written past: what it says and what the hub sends never come between each other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use wirebell_protocol::{Channel, Class, Cursor};

use super::frame::Frame;
use super::line::Line;
use super::meters::Meters;
use super::wire::{Wire, Written};

/// What a session is told to do, apart from writing frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Tell the client to come back after so many milliseconds, and close then.
    Leave {
        /// Milliseconds.
        after: u64,
    },
    /// Look whether the token is still good.
    Check,
    /// Close now: a newer session of the user has taken this one's place.
    Replaced,
    /// Close now: a service wants it.
    Disconnected {
        /// What the client is told. In a box, or every outbox would be larger.
        reason: Option<Arc<String>>,
    },
    /// Close now: the process ends.
    Stop,
}

impl Order {
    /// Is it to close now?
    fn is_final(&self) -> bool {
        !matches!(self, Self::Leave { .. } | Self::Check)
    }
}

/// What became of a frame that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It waits for the session, or to be sent together with what was offered before.
    Queued,
    /// The session rests: whoever has offered it has it sent, once there is no more to offer.
    Unsent,
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
    wire: Option<Arc<dyn Wire>>,
    number: u64,
    most_bytes: u32,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: u32,
    session: Session,
    /// Somebody was told to send what waits.
    unsent: bool,
    /// The wire took a part of a frame.
    begun: bool,
    order: Option<Order>,
    behind: Vec<(Line, Cursor)>,
    waker: Option<Waker>,
}

/// What the session does, as far as its outbox knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// It has something to do.
    #[default]
    Busy,
    /// It waits, and has said nothing to its client that is not sent.
    Rests,
    /// It has ended.
    Gone,
}

impl Outbox {
    /// An empty one for that connection, which holds up to `most_bytes` of frames.
    pub fn new(number: u64, most_bytes: usize) -> Self {
        let most_bytes = u32::try_from(most_bytes).unwrap_or(u32::MAX);
        Self { state: Mutex::default(), wire: None, number, most_bytes }
    }

    /// The same, with a wire to the client.
    #[must_use]
    pub fn with_wire(self, wire: Option<Arc<dyn Wire>>) -> Self {
        Self { wire, ..self }
    }

    /// The connection's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Queues a frame, and wakes the session unless that can be spared. A frame larger than the whole outbox still passes
    /// through an empty one: the limit is for what piles up.
    pub fn offer(&self, frame: Frame) -> Offered {
        let state = self.lock();
        if state.session == Session::Gone {
            return Offered::Gone;
        }
        if !state.frames.is_empty() && state.bytes.saturating_add(length(&frame)) > self.most_bytes {
            return if frame.class == Class::Volatile { Offered::Dropped } else { Offered::Overflowed };
        }
        self.queue(state, frame)
    }

    /// Queues a frame in the same manner, but for the limit: it is small, and there can be few of its kind.
    pub(super) fn insist(&self, frame: Frame) -> Offered {
        let state = self.lock();
        if state.session == Session::Gone {
            return Offered::Gone;
        }
        self.queue(state, frame)
    }

    fn queue(&self, mut state: MutexGuard<'_, State>, frame: Frame) -> Offered {
        state.bytes = state.bytes.saturating_add(length(&frame));
        // What was written of a watched event is the session's to report.
        let needs_session = self.wire.is_none() || frame.watched.is_some();
        state.frames.push_back(frame);
        if state.session == Session::Busy || needs_session {
            wake(state);
            return Offered::Queued;
        }
        if std::mem::replace(&mut state.unsent, true) { Offered::Queued } else { Offered::Unsent }
    }

    /// Sends what waits, if the session still rests. What the connection does not take now is left to the session.
    pub(super) fn send(&self, meters: &Meters) {
        let mut state = self.lock();
        state.unsent = false;
        let Some(wire) = self.wire.as_ref().filter(|_| state.session == Session::Rests && !state.frames.is_empty())
        else {
            return;
        };
        match wire.try_write(&state.frames) {
            Written::All => {
                meters.written(state.frames.iter());
                (state.frames, state.bytes) = (VecDeque::new(), 0);
            }
            Written::Some(count) => {
                meters.written(state.frames.iter().take(count));
                state.frames.drain(..count);
                state.bytes = state.frames.iter().map(length).sum();
                state.begun = true;
                wake(state);
            }
        }
    }

    /// The session has something to do: nobody else writes to its client until it [rests](Self::next) again.
    pub fn stir(&self) {
        self.lock().session = Session::Busy;
    }

    /// What came on the line behind this cursor found no room. The session is told once it has taken the rest.
    pub fn behind(&self, line: Line, after: Cursor) {
        let mut state = self.lock();
        if state.session != Session::Gone {
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

    /// Gives an order; a later one replaces one that was not yet taken, unless that was to close now. Whoever leaves looks at
    /// its token anyhow.
    pub fn order(&self, order: Order) {
        let mut state = self.lock();
        let is_more = state.order.as_ref().is_none_or(|before| !before.is_final() && order != Order::Check);
        if !is_more || state.session == Session::Gone {
            return;
        }
        state.order = Some(order);
        wake(state);
    }

    /// Nothing is taken any more.
    pub fn close(&self) {
        let mut state = self.lock();
        *state = State { session: Session::Gone, ..State::default() };
    }

    /// What to do next; waits for it, and then the session rests. All frames that wait come at once, so that they can
    /// share a write; none come where only the rest of one has to be sent.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            state.session = Session::Busy;
            if let Some(order) = state.order.take() {
                return Poll::Ready(Next::Order(order));
            }
            if !state.frames.is_empty() || state.begun {
                (state.bytes, state.begun) = (0, false);
                return Poll::Ready(Next::Frames(std::mem::take(&mut state.frames)));
            }
            if !state.behind.is_empty() {
                return Poll::Ready(Next::Behind(std::mem::take(&mut state.behind)));
            }
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.waker = Some(context.waker().clone());
            }
            state.session = Session::Rests;
            Poll::Pending
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn length(frame: &Frame) -> u32 {
    u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX)
}

/// Wakes the session after the lock is let go, so that it does not wake up into it.
fn wake(mut state: MutexGuard<'_, State>) {
    if state.session == Session::Rests {
        state.session = Session::Busy;
    }
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

    #[tokio::test]
    async fn an_order_to_close_now_is_not_put_off() {
        let outbox = Outbox::new(1, 10);
        for order in [Order::Leave { after: 5 }, Order::Replaced, Order::Check, Order::Leave { after: 6 }] {
            outbox.order(order);
        }
        assert!(matches!(outbox.next().await, Next::Order(Order::Replaced)));
    }

    #[test]
    fn an_order_is_no_larger_than_its_delay() {
        assert_eq!(size_of::<Option<Order>>(), 16);
    }

    /// A connection that takes so many frames and no more.
    #[derive(Debug)]
    struct Narrow(usize, Mutex<Vec<usize>>);

    impl Wire for Narrow {
        fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
            let count = frames.len().min(self.0);
            self.1.lock().unwrap().extend(frames.iter().take(count).map(|frame| frame.bytes.len()));
            if count == frames.len() { Written::All } else { Written::Some(count) }
        }
    }

    fn wired(takes: usize) -> (Outbox, Arc<Narrow>, Meters) {
        let wire = Arc::new(Narrow(takes, Mutex::default()));
        let outbox = Outbox::new(1, 1000).with_wire(Some(Arc::<Narrow>::clone(&wire)));
        (outbox, wire, Meters::new(&crate::telemetry::Metrics::new().unwrap()))
    }

    /// Waits for something to do, in vain.
    fn rest(outbox: &Outbox) {
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(std::pin::pin!(outbox.next()).poll(&mut context).is_pending());
    }

    #[test]
    fn what_is_for_a_session_that_rests_is_sent_together_and_without_it() {
        let (outbox, wire, meters) = wired(9);
        rest(&outbox);
        assert_eq!(outbox.offer(frame(Class::Durable, 5)), Offered::Unsent);
        assert_eq!(outbox.offer(frame(Class::Durable, 6)), Offered::Queued, "somebody sends already");
        outbox.send(&meters);
        assert_eq!(*wire.1.lock().unwrap(), [5, 6]);
        assert_eq!(outbox.bytes(), 0);
        rest(&outbox);
        assert_eq!(outbox.offer(frame(Class::Durable, 7)), Offered::Unsent);
    }

    #[tokio::test]
    async fn a_session_that_is_busy_is_not_written_past() {
        let (outbox, wire, meters) = wired(9);
        assert_eq!(outbox.offer(frame(Class::Durable, 5)), Offered::Queued, "it has not rested yet");
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
        rest(&outbox);
        assert_eq!(outbox.offer(frame(Class::Durable, 6)), Offered::Unsent);
        outbox.stir();
        outbox.send(&meters);
        assert!(wire.1.lock().unwrap().is_empty());
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
    }

    #[tokio::test]
    async fn what_the_connection_does_not_take_is_the_sessions() {
        let (outbox, _, meters) = wired(1);
        rest(&outbox);
        outbox.offer(frame(Class::Durable, 5));
        outbox.offer(frame(Class::Durable, 6));
        outbox.send(&meters);
        assert_eq!(outbox.bytes(), 6);
        assert_eq!(outbox.offer(frame(Class::Durable, 7)), Offered::Queued, "the session was woken");
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 2));
        // Where no frame is left, the rest of the one that was begun may be.
        let (outbox, _, meters) = wired(0);
        rest(&outbox);
        outbox.offer(frame(Class::Durable, 5));
        outbox.send(&meters);
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
    }

    #[test]
    fn what_has_to_be_reported_on_is_the_sessions() {
        let (outbox, wire, meters) = wired(9);
        rest(&outbox);
        outbox.offer(frame(Class::Durable, 5));
        let watched = Arc::new(crate::hub::Watched { channel: Channel::all(), id: "1".into(), cursor: None });
        let reported = Frame { watched: Some(watched), ..frame(Class::Durable, 6) };
        assert_eq!(outbox.offer(reported), Offered::Queued);
        outbox.send(&meters);
        assert!(wire.1.lock().unwrap().is_empty());
    }

    #[test]
    fn a_closed_outbox_takes_nothing() {
        let outbox = Outbox::new(1, 10);
        outbox.close();
        assert_eq!(outbox.offer(frame(Class::Durable, 1)), Offered::Gone);
    }
}
