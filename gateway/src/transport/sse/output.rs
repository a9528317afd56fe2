//! The way to a stream's client. It is there before the connection is: who is refused gets no stream, but an answer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::net::TcpStream;

use super::super::writer::{Progress, Writer};
use super::encode::{self, HEARTBEAT};
use super::position::Position;
use crate::session::{Frame, Pinged, Wire, Written};

/// Frames go in, events of the stream come out.
pub(super) struct StreamOutput {
    writer: OnceLock<Writer>,
    state: Mutex<State>,
}

struct State {
    position: Position,
    /// What was written before there was a connection.
    early: Vec<u8>,
}

impl StreamOutput {
    /// With what stands before the first event.
    pub(super) fn new(position: Position, head: Vec<u8>) -> Self {
        Self { writer: OnceLock::new(), state: Mutex::new(State { position, early: head }) }
    }

    /// The connection is there, and gets what was written so far.
    pub(super) fn attach(&self, stream: TcpStream) {
        let early = std::mem::take(&mut self.state().early);
        self.writer.get_or_init(|| Writer::new(stream, early));
    }

    pub(super) fn writer(&self) -> Option<&Writer> {
        self.writer.get()
    }

    /// Puts a frame behind what waits.
    pub(super) fn queue(&self, frame: &[u8]) {
        let State { position, early } = &mut *self.state();
        match self.writer.get() {
            Some(writer) => writer.queue(|rest| encode::write(frame, position, rest)),
            None => encode::write(frame, position, early),
        }
    }

    /// Puts bytes behind what waits.
    pub(super) fn queue_bytes(&self, bytes: &[u8]) {
        if let Some(writer) = self.writer.get() {
            writer.queue(|rest| rest.extend_from_slice(bytes));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire for StreamOutput {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        let mut taken = 0;
        let Some(writer) = self.writer.get().filter(|writer| writer.push().unwrap_or(false)) else {
            return Written::Some(taken);
        };
        let position = &mut self.state().position;
        while taken < frames.len() {
            let before = position.clone();
            match writer.offer(frames.range(taken..), |frame, into| encode::write(&frame.bytes, position, into)) {
                Progress::Complete(count) => taken += count,
                Progress::Partial(count) => return Written::Some(taken + count),
                Progress::Nothing => {
                    // They are written again later, and must not say then that the client has more than it has.
                    *position = before;
                    return Written::Some(taken);
                }
            }
        }
        Written::All
    }

    fn try_ping(&self) -> Pinged {
        let Some(writer) = self.writer.get() else { return Pinged::Unable };
        writer.queue(|rest| rest.extend_from_slice(HEARTBEAT));
        if writer.push().unwrap_or(false) { Pinged::All } else { Pinged::Begun }
    }

    /// Nobody answers a comment. A client that is no longer there is found out by the kernel, which waits so long, and no
    /// longer, for it to confirm what it was sent.
    fn is_answered(&self) -> bool {
        false
    }
}

impl fmt::Debug for StreamOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamOutput({:?})", self.writer)
    }
}
