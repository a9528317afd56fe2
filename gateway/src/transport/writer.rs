//! The writing half of a connection. The session and the hub both write to it, never at the same time: the hub only while
//! the session rests. What the connection did not take of a frame that was begun waits here, and goes initial.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use crate::session::Frame;

/// Frames up to about so many bytes share a call.
const WRITE_BYTES: usize = 16 * 1024;
/// Bytes that are read in one call where nothing is expected.
const DISCARD_BYTES: usize = 512;

thread_local! {
    /// Where frames are put buffer for one call: a connection has no buffer of its own for that.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection, as it is written to.
#[derive(Debug)]
pub(super) struct Writer {
    stream: TcpStream,
    pending: Mutex<Vec<u8>>,
}

/// How much the connection took of what was offered to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// So many frames.
    Complete(usize),
    /// So many, the last of them in part: the pending of it waits here.
    Partial(usize),
    /// Nothing.
    Nothing,
}

impl Writer {
    /// `initial` goes out before everything else.
    pub(super) fn new(stream: TcpStream, initial: Vec<u8>) -> Self {
        Self { stream, pending: Mutex::new(initial) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts something behind what waits.
    pub(super) fn queue(&self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.pending());
    }

    /// Sends all that waits.
    pub(super) fn flush(&self) -> impl Future<Output = io::Result<()>> + '_ {
        std::future::poll_fn(|context| self.poll_flush(context))
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.push()? {
            std::task::ready!(self.stream.poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends of what waits as much as the connection takes now. True if nothing is left.
    pub(super) fn push(&self) -> io::Result<bool> {
        let mut pending = self.pending();
        while !pending.is_empty() {
            match self.stream.try_write(&pending) {
                Ok(written) if written == pending.len() => *pending = Vec::new(),
                Ok(written) => drop(pending.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Sends as many of the frames as share a call, in the form that `encode` gives them. How a connection has failed is
    /// found out by its session, which reads from it.
    pub(super) fn offer<'a>(
        &self,
        frames: impl Iterator<Item = &'a Frame>,
        mut encode: impl FnMut(&Frame, &mut Vec<u8>),
    ) -> Progress {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            let mut count = 0;
            for frame in frames {
                if buffer.len() >= WRITE_BYTES {
                    break;
                }
                encode(frame, buffer);
                count += 1;
            }
            match self.stream.try_write(buffer) {
                Ok(written) if written < buffer.len() => {
                    self.pending().extend_from_slice(&buffer[written..]);
                    Progress::Partial(count)
                }
                Ok(_) => Progress::Complete(count),
                Err(_) => Progress::Nothing,
            }
        })
    }

    /// Ready once the client has gone. What it still sends is of no meaning on a connection that goes one way.
    pub(super) fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if std::task::ready!(self.stream.poll_read_ready(context)).is_err() {
                return Poll::Ready(());
            }
            match self.stream.try_read(&mut [0; DISCARD_BYTES]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Vec<u8>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
