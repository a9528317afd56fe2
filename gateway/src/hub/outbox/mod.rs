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
use super::wire::{Pinged, Wire, Written};

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
    /// Close now: the client gave no sign of life.
    Dead,
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
    /// Ask the client for a sign of life.
    Ping,
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
    pulse: Pulse,
    rare: Option<Box<Rare>>,
    waker: Option<Waker>,
}

/// What hardly any session has waiting; in a box, since all have the room for it otherwise.
#[derive(Debug, Default)]
struct Rare {
    order: Option<Order>,
    behind: Vec<(Line, Cursor)>,
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

/// What is known of the client's life.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Pulse {
    /// Something was heard since it was asked.
    #[default]
    Felt,
    /// The session is to ask.
    Due,
    /// It was asked, and nothing has been heard since.
    Awaited,
}

impl State {
    fn take_order(&mut self, which: impl FnOnce(&mut Order) -> bool) -> Option<Order> {
        let order = self.rare.as_mut()?.order.take_if(which);
        self.let_go();
        order
    }

    fn let_go(&mut self) {
        self.rare.take_if(|rare| rare.order.is_none() && rare.behind.is_empty());
    }
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

    /// The session has something to do: nobody else writes to its client until it [rests](Self::next) again. `heard`: the
    /// client has given a sign of life.
    pub fn stir(&self, heard: bool) {
        let mut state = self.lock();
        state.session = Session::Busy;
        if heard {
            state.pulse = Pulse::Felt;
            state.take_order(|order| *order == Order::Dead);
        }
    }

    /// Has the client asked for a sign of life, and the session end if it gave none since the last beat. While the session
    /// rests, it is not woken for that.
    pub(super) fn beat(&self) {
        let mut state = self.lock();
        match (state.pulse, state.session) {
            // A session at work has not come to asking, or to reading what its client has answered: it has its own patience
            // with what it does.
            (_, Session::Gone) | (Pulse::Due, _) | (Pulse::Awaited, Session::Busy) => {}
            (Pulse::Awaited, Session::Rests) => command(state, Order::Dead),
            (Pulse::Felt, Session::Busy) => state.pulse = Pulse::Due,
            (Pulse::Felt, Session::Rests) => self.ping(state),
        }
    }

    fn ping(&self, mut state: MutexGuard<'_, State>) {
        let (pinged, pulse) = match &self.wire {
            Some(wire) => (wire.try_ping(), if wire.is_answered() { Pulse::Awaited } else { Pulse::Felt }),
            None => (Pinged::Unable, Pulse::Due),
        };
        match pinged {
            Pinged::All => state.pulse = pulse,
            Pinged::Begun => {
                (state.pulse, state.begun) = (pulse, true);
                wake(state);
            }
            Pinged::Unable => {
                state.pulse = Pulse::Due;
                wake(state);
            }
        }
    }

    /// What came on the line behind this cursor found no room. The session is told once it has taken the rest.
    pub fn behind(&self, line: Line, after: Cursor) {
        let mut state = self.lock();
        if state.session != Session::Gone {
            state.rare.get_or_insert_default().behind.push((line, after));
            wake(state);
        }
    }

    /// Bytes of frames that wait.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.lock().bytes).unwrap_or(usize::MAX)
    }

    /// The session listens no longer for the channel: what it was to read of it is no longer for it.
    pub fn forget(&self, channel: &Channel) {
        let mut state = self.lock();
        if let Some(rare) = &mut state.rare {
            rare.behind.retain(|(line, _)| line.channel != *channel);
        }
        state.let_go();
    }

    /// Gives an order; a later one replaces one that was not yet taken, unless that was to close now. Whoever leaves looks at
    /// its token anyhow.
    pub fn order(&self, order: Order) {
        command(self.lock(), order);
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
            if let Some(order) = state.take_order(|_| true) {
                return Poll::Ready(Next::Order(order));
            }
            if !state.frames.is_empty() || state.begun {
                (state.bytes, state.begun) = (0, false);
                return Poll::Ready(Next::Frames(std::mem::take(&mut state.frames)));
            }
            if state.pulse == Pulse::Due {
                state.pulse = Pulse::Awaited;
                return Poll::Ready(Next::Ping);
            }
            // No order is left, but what is behind may be.
            if let Some(rare) = state.rare.take() {
                return Poll::Ready(Next::Behind(rare.behind));
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

fn command(mut state: MutexGuard<'_, State>, order: Order) {
    let before = state.rare.as_ref().and_then(|rare| rare.order.as_ref());
    let is_more = before.is_none_or(|before| !before.is_final() && order != Order::Check);
    if is_more && state.session != Session::Gone {
        state.rare.get_or_insert_default().order = Some(order);
        wake(state);
    }
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
mod tests;
