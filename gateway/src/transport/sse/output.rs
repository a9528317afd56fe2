//! The output of a stream. It exists before the connection is taken over, since a rejected client
//! gets an HTTP response.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::net::TcpStream;

use super::super::writer::{Progress, Writer};
use super::encode::{self, HEARTBEAT};
use super::position::Position;
use crate::session::{Frame, Pinged, Wire, Written};

/// The write side of a stream: encodes frames as events.
pub(super) struct StreamOutput {
    writer: OnceLock<Writer>,
    state: Mutex<State>,
}

struct State {
    position: Position,
    /// Bytes written before the connection was attached.
    early: Vec<u8>,
}

impl StreamOutput {
    /// Creates the output. `head` is sent before the first event.
    pub(super) fn new(position: Position, head: Vec<u8>) -> Self {
        Self { writer: OnceLock::new(), state: Mutex::new(State { position, early: head }) }
    }

    /// Attaches the connection, which gets what was written so far.
    pub(super) fn attach(&self, stream: TcpStream) {
        let early = std::mem::take(&mut self.state().early);
        self.writer.get_or_init(|| Writer::new(stream, early));
    }

    pub(super) fn writer(&self) -> Option<&Writer> {
        self.writer.get()
    }

    /// Queues a frame.
    pub(super) fn queue(&self, frame: &[u8]) {
        let State { position, early } = &mut *self.state();
        match self.writer.get() {
            Some(writer) => writer.queue(|rest| encode::write(frame, position, rest)),
            None => encode::write(frame, position, early),
        }
    }

    /// Queues bytes.
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
                    // The frames are encoded again later; until then, the position must not include
                    // them.
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

    /// Returns false: a client does not answer a comment. The kernel detects a lost client instead,
    /// by its limit for unacknowledged data.
    fn is_answered(&self) -> bool {
        false
    }
}

impl fmt::Debug for StreamOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamOutput({:?})", self.writer)
    }
}
