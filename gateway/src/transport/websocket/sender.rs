//! The writing half of a socket. The session and the hub both write to it, never at the same time: the hub only while
//! the session rests. What the connection did not take of a frame that was begun waits here, and goes first.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::header::{self, Opcode};
use crate::session::{Frame, Wire, Written};

/// Frames up to about so many bytes share a call.
const TOGETHER: usize = 16 * 1024;

thread_local! {
    /// Where frames are put together for one call: a connection has no buffer of its own for that.
    static TOGETHER_HERE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) stream: TcpStream,
    rest: Mutex<Vec<u8>>,
}

impl Sender {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, rest: Mutex::default() }
    }

    /// Puts a frame behind what waits.
    pub(super) fn queue(&self, opcode: Opcode, payload: &[u8]) {
        header::write(opcode, payload, &mut self.rest());
    }

    /// Sends all that waits.
    pub(super) async fn flush(&self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_flush(context)).await
    }

    fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.push()? {
            std::task::ready!(self.stream.poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends of what waits as much as the connection takes now. True if nothing is left.
    fn push(&self) -> io::Result<bool> {
        let mut rest = self.rest();
        while !rest.is_empty() {
            match self.stream.try_write(&rest) {
                Ok(written) if written == rest.len() => *rest = Vec::new(),
                Ok(written) => drop(rest.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn rest(&self) -> MutexGuard<'_, Vec<u8>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire for Sender {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        let mut taken = 0;
        // How a connection has failed is found out by its session, which reads from it.
        if !self.push().unwrap_or(false) {
            return Written::Some(taken);
        }
        TOGETHER_HERE.with_borrow_mut(|together| {
            while taken < frames.len() {
                together.clear();
                let mut count = 0;
                for frame in frames.range(taken..) {
                    if together.len() >= TOGETHER {
                        break;
                    }
                    header::write(Opcode::Text, &frame.bytes, together);
                    count += 1;
                }
                match self.stream.try_write(together) {
                    Ok(written) => {
                        taken += count;
                        if written < together.len() {
                            self.rest().extend_from_slice(&together[written..]);
                            return Written::Some(taken);
                        }
                    }
                    Err(_) => return Written::Some(taken),
                }
            }
            Written::All
        })
    }
}
