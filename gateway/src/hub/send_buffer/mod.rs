//! A session's send buffer: frames, bounded in bytes, and at most one command. It uses no memory
//! while it is empty.
//!
//! In: frames and commands from the hub. Out: frames to the session, or to its wire. Must not know:
//! channels and who subscribes to them, except for the logs that a session has to read.
//!
//! While the session is idle and has a wire, the hub sends the frames by itself. For a busy session
//! it does not: frames of the session and frames of the hub must never mix.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use wirebell_protocol::{Channel, Class, Cursor};

use super::frame::Frame;
use super::log_kind::ChannelLog;
use super::meters::Meters;
use super::wire::{Pinged, Wire, Written};

/// A command to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand {
    /// Ask the client to reconnect after a delay, then close.
    Reconnect {
        /// The delay in milliseconds.
        after: u64,
    },
    /// Check whether the token is still valid.
    CheckToken,
    /// Close now: a newer session of the user replaces this one.
    Replaced,
    /// Close now: the client missed its heartbeat.
    TimedOut,
    /// Close now: a service disconnects the client.
    Disconnect {
        /// Reason for the client. Behind an `Arc`, to keep every buffer small.
        reason: Option<Arc<String>>,
    },
    /// Close now: the process ends.
    Stop,
}

impl SessionCommand {
    /// Returns whether the command closes the session now.
    fn is_final(&self) -> bool {
        !matches!(self, Self::Reconnect { .. } | Self::CheckToken)
    }
}

/// Result of pushing a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushResult {
    /// The frame is queued for the session, or for a send that is already scheduled.
    Queued,
    /// The session is idle: the caller has to call `send` after its last push.
    Unsent,
    /// No room. The frame's class allows dropping it.
    Dropped,
    /// No room. The frame's class forbids dropping it: the session has to read the log instead.
    Overflowed,
    /// The session has ended.
    Closed,
}

/// A session's next piece of work.
#[derive(Debug)]
pub enum Next {
    /// Write these frames in order.
    Frames(VecDeque<Frame>),
    /// Send a ping.
    Ping,
    /// Execute this command.
    Command(SessionCommand),
    /// Events of these logs found no room: read the logs after these cursors.
    CatchUp(Vec<(ChannelLog, Cursor)>),
}

/// A session's send buffer.
#[derive(Debug)]
pub struct SendBuffer {
    state: Mutex<State>,
    wire: Option<Arc<dyn Wire>>,
    number: u64,
    max_bytes: u32,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: u32,
    session: Session,
    /// A caller of `push` has to call `send`.
    send_scheduled: bool,
    /// The wire took a part of a frame.
    partly_written: bool,
    liveness: Liveness,
    rare: Option<Box<Rare>>,
    waker: Option<Waker>,
}

/// State that is empty for almost every session, boxed to keep the buffer small.
#[derive(Debug, Default)]
struct Rare {
    command: Option<SessionCommand>,
    catch_up: Vec<(ChannelLog, Cursor)>,
}

/// State of the session, as far as its buffer knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// It has work to do.
    #[default]
    Busy,
    /// It waits, and all that it wrote is sent.
    Idle,
    /// It has ended.
    Ended,
}

/// State of the heartbeat.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Liveness {
    /// The client gave a sign of life since the last ping.
    #[default]
    Alive,
    /// The session has to send a ping.
    PingDue,
    /// A ping was sent, and the client gave no sign of life since.
    PingSent,
}

impl State {
    fn take_command(&mut self, which: impl FnOnce(&mut SessionCommand) -> bool) -> Option<SessionCommand> {
        let command = self.rare.as_mut()?.command.take_if(which);
        self.free_rare();
        command
    }

    fn free_rare(&mut self) {
        self.rare.take_if(|rare| rare.command.is_none() && rare.catch_up.is_empty());
    }
}

impl SendBuffer {
    /// Returns an empty buffer of a connection that holds up to `max_bytes` of frames.
    pub fn new(number: u64, max_bytes: usize) -> Self {
        let max_bytes = u32::try_from(max_bytes).unwrap_or(u32::MAX);
        Self { state: Mutex::default(), wire: None, number, max_bytes }
    }

    /// Adds a wire to the client.
    #[must_use]
    pub fn with_wire(self, wire: Option<Arc<dyn Wire>>) -> Self {
        Self { wire, ..self }
    }

    /// Returns the connection's number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Queues a frame, and wakes the session if it has to write the frame itself. A frame larger
    /// than the limit fits an empty buffer: the limit is for what accumulates.
    pub fn push(&self, frame: Frame) -> PushResult {
        let state = self.lock();
        if state.session == Session::Ended {
            return PushResult::Closed;
        }
        if !state.frames.is_empty() && state.bytes.saturating_add(length(&frame)) > self.max_bytes {
            return if frame.class == Class::Volatile { PushResult::Dropped } else { PushResult::Overflowed };
        }
        self.enqueue(state, frame)
    }

    /// Queues a frame without the limit, for small frames of which there can be few.
    pub(super) fn push_unbounded(&self, frame: Frame) -> PushResult {
        let state = self.lock();
        if state.session == Session::Ended {
            return PushResult::Closed;
        }
        self.enqueue(state, frame)
    }

    fn enqueue(&self, mut state: MutexGuard<'_, State>, frame: Frame) -> PushResult {
        state.bytes = state.bytes.saturating_add(length(&frame));
        // The session has to report the write of a tracked event.
        let needs_session = self.wire.is_none() || frame.tracked.is_some();
        state.frames.push_back(frame);
        if state.session == Session::Busy || needs_session {
            wake(state);
            return PushResult::Queued;
        }
        if std::mem::replace(&mut state.send_scheduled, true) { PushResult::Queued } else { PushResult::Unsent }
    }

    /// Sends the queued frames if the session is still idle. It leaves to the session what the
    /// connection does not take now.
    pub(super) fn send(&self, meters: &Meters) {
        let mut state = self.lock();
        state.send_scheduled = false;
        let Some(wire) = self.wire.as_ref().filter(|_| state.session == Session::Idle && !state.frames.is_empty())
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
                state.partly_written = true;
                wake(state);
            }
        }
    }

    /// Marks the session as busy: the hub does not write to its client until the session waits in
    /// [`next`](Self::next) again. `client_is_alive` says that the client gave a sign of life.
    pub fn mark_busy(&self, client_is_alive: bool) {
        let mut state = self.lock();
        state.session = Session::Busy;
        if client_is_alive {
            state.liveness = Liveness::Alive;
            state.take_command(|command| *command == SessionCommand::TimedOut);
        }
    }

    /// Pings the client, or ends the session if the client gave no sign of life since the last
    /// ping. An idle session is not woken for the ping.
    pub(super) fn heartbeat(&self) {
        let mut state = self.lock();
        match (state.liveness, state.session) {
            // A busy session has not sent the ping yet, or not read its client's answer. It has
            // timeouts of its own.
            (_, Session::Ended) | (Liveness::PingDue, _) | (Liveness::PingSent, Session::Busy) => {}
            (Liveness::PingSent, Session::Idle) => set_command(state, SessionCommand::TimedOut),
            (Liveness::Alive, Session::Busy) => state.liveness = Liveness::PingDue,
            (Liveness::Alive, Session::Idle) => self.ping(state),
        }
    }

    /// Pings over the wire; wakes the session if the wire cannot write the complete ping.
    fn ping(&self, mut state: MutexGuard<'_, State>) {
        let (pinged, liveness) = match &self.wire {
            Some(wire) => (wire.try_ping(), if wire.is_answered() { Liveness::PingSent } else { Liveness::Alive }),
            None => (Pinged::Unable, Liveness::PingDue),
        };
        match pinged {
            Pinged::All => state.liveness = liveness,
            Pinged::Begun => {
                (state.liveness, state.partly_written) = (liveness, true);
                wake(state);
            }
            Pinged::Unable => {
                state.liveness = Liveness::PingDue;
                wake(state);
            }
        }
    }

    /// Asks the session to read the log after this cursor, because an event found no room. The
    /// session gets this after the queued frames.
    pub fn request_catch_up(&self, log: ChannelLog, after: Cursor) {
        let mut state = self.lock();
        if state.session != Session::Ended {
            state.rare.get_or_insert_default().catch_up.push((log, after));
            wake(state);
        }
    }

    /// Returns the number of queued bytes.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.lock().bytes).unwrap_or(usize::MAX)
    }

    /// Drops the pending catch-up of a channel that the session no longer subscribes to.
    pub fn forget(&self, channel: &Channel) {
        let mut state = self.lock();
        if let Some(rare) = &mut state.rare {
            rare.catch_up.retain(|(log, _)| log.channel != *channel);
        }
        state.free_rare();
    }

    /// Sets the session's command. A later command replaces a pending one, unless that closes the
    /// session. `CheckToken` replaces none: a session that has to reconnect checks its token
    /// anyway.
    pub fn command(&self, command: SessionCommand) {
        set_command(self.lock(), command);
    }

    /// Closes the buffer. It takes nothing from now on.
    pub fn close(&self) {
        let mut state = self.lock();
        *state = State { session: Session::Ended, ..State::default() };
    }

    /// Waits for the next piece of work; meanwhile the session is idle. All queued frames are
    /// returned at once, so they share a write. An empty list means: send the rest of a partly
    /// written frame.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            state.session = Session::Busy;
            if let Some(command) = state.take_command(|_| true) {
                return Poll::Ready(Next::Command(command));
            }
            if !state.frames.is_empty() || state.partly_written {
                (state.bytes, state.partly_written) = (0, false);
                return Poll::Ready(Next::Frames(std::mem::take(&mut state.frames)));
            }
            if state.liveness == Liveness::PingDue {
                state.liveness = Liveness::PingSent;
                return Poll::Ready(Next::Ping);
            }
            // No command is left, but a catch-up may be.
            if let Some(rare) = state.rare.take() {
                return Poll::Ready(Next::CatchUp(rare.catch_up));
            }
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.waker = Some(context.waker().clone());
            }
            state.session = Session::Idle;
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

fn set_command(mut state: MutexGuard<'_, State>, command: SessionCommand) {
    let before = state.rare.as_ref().and_then(|rare| rare.command.as_ref());
    let is_more = before.is_none_or(|before| !before.is_final() && command != SessionCommand::CheckToken);
    if is_more && state.session != Session::Ended {
        state.rare.get_or_insert_default().command = Some(command);
        wake(state);
    }
}

/// Wakes the session after releasing the lock, which the session takes next.
fn wake(mut state: MutexGuard<'_, State>) {
    if state.session == Session::Idle {
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
