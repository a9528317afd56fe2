//! The writing half of a connection. The session and the hub both write to it, never at the same time: the hub only while
//! the session rests. What the connection did not take of a frame that was begun waits here, and goes first.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use crate::session::Frame;

/// Frames up to about so many bytes share a call.
const TOGETHER: usize = 16 * 1024;
/// Bytes that are read in one call where nothing is expected.
const UNWANTED: usize = 512;

thread_local! {
    /// Where frames are put together for one call: a connection has no buffer of its own for that.
    static TOGETHER_HERE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection, as it is written to.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: TcpStream,
    rest: Mutex<Vec<u8>>,
}

/// How much the connection took of what was offered to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many frames.
    Whole(usize),
    /// So many, the last of them in part: the rest of it waits here.
    Begun(usize),
    /// Nothing.
    Nothing,
}

impl Pipe {
    /// `first` goes out before everything else.
    pub(super) fn new(stream: TcpStream, first: Vec<u8>) -> Self {
        Self { stream, rest: Mutex::new(first) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts something behind what waits.
    pub(super) fn queue(&self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.rest());
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

    /// Sends as many of the frames as share a call, in the form that `encode` gives them. How a connection has failed is
    /// found out by its session, which reads from it.
    pub(super) fn offer<'a>(
        &self,
        frames: impl Iterator<Item = &'a Frame>,
        mut encode: impl FnMut(&Frame, &mut Vec<u8>),
    ) -> Taken {
        TOGETHER_HERE.with_borrow_mut(|together| {
            together.clear();
            let mut count = 0;
            for frame in frames {
                if together.len() >= TOGETHER {
                    break;
                }
                encode(frame, together);
                count += 1;
            }
            match self.stream.try_write(together) {
                Ok(written) if written < together.len() => {
                    self.rest().extend_from_slice(&together[written..]);
                    Taken::Begun(count)
                }
                Ok(_) => Taken::Whole(count),
                Err(_) => Taken::Nothing,
            }
        })
    }

    /// Ready once the client has gone. What it still sends is of no meaning on a connection that goes one way.
    pub(super) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if std::task::ready!(self.stream.poll_read_ready(context)).is_err() {
                return Poll::Ready(());
            }
            match self.stream.try_read(&mut [0; UNWANTED]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn rest(&self) -> MutexGuard<'_, Vec<u8>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
