//! The way to a stream's client. It is there before the connection is: who is refused gets no stream, but an answer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::net::TcpStream;

use super::super::pipe::{Pipe, Taken};
use super::encode::{self, HEARTBEAT};
use super::position::Position;
use crate::session::{Frame, Pinged, Wire, Written};

/// Frames go in, events of the stream come out.
pub(super) struct Outlet {
    pipe: OnceLock<Pipe>,
    state: Mutex<State>,
}

struct State {
    position: Position,
    /// What was written before there was a connection.
    early: Vec<u8>,
}

impl Outlet {
    /// With what stands before the first event.
    pub(super) fn new(position: Position, head: Vec<u8>) -> Self {
        Self { pipe: OnceLock::new(), state: Mutex::new(State { position, early: head }) }
    }

    /// The connection is there, and gets what was written so far.
    pub(super) fn attach(&self, stream: TcpStream) {
        let early = std::mem::take(&mut self.state().early);
        self.pipe.get_or_init(|| Pipe::new(stream, early));
    }

    pub(super) fn pipe(&self) -> Option<&Pipe> {
        self.pipe.get()
    }

    /// Puts a frame behind what waits.
    pub(super) fn queue(&self, frame: &[u8]) {
        let State { position, early } = &mut *self.state();
        match self.pipe.get() {
            Some(pipe) => pipe.queue(|rest| encode::write(frame, position, rest)),
            None => encode::write(frame, position, early),
        }
    }

    /// Puts bytes behind what waits.
    pub(super) fn queue_bytes(&self, bytes: &[u8]) {
        if let Some(pipe) = self.pipe.get() {
            pipe.queue(|rest| rest.extend_from_slice(bytes));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire for Outlet {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        let mut taken = 0;
        let Some(pipe) = self.pipe.get().filter(|pipe| pipe.push().unwrap_or(false)) else {
            return Written::Some(taken);
        };
        let position = &mut self.state().position;
        while taken < frames.len() {
            let before = position.clone();
            match pipe.offer(frames.range(taken..), |frame, into| encode::write(&frame.bytes, position, into)) {
                Taken::Whole(count) => taken += count,
                Taken::Begun(count) => return Written::Some(taken + count),
                Taken::Nothing => {
                    // They are written again later, and must not say then that the client has more than it has.
                    *position = before;
                    return Written::Some(taken);
                }
            }
        }
        Written::All
    }

    fn try_ping(&self) -> Pinged {
        let Some(pipe) = self.pipe.get() else { return Pinged::Unable };
        pipe.queue(|rest| rest.extend_from_slice(HEARTBEAT));
        if pipe.push().unwrap_or(false) { Pinged::All } else { Pinged::Begun }
    }

    /// Nobody answers a comment. A client that is no longer there is found out by the kernel, which waits so long, and no
    /// longer, for it to confirm what it was sent.
    fn is_answered(&self) -> bool {
        false
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outlet({:?})", self.pipe)
    }
}
