//! The writing half of a connection. The session and the hub both write to it, but never at the
//! same time: the hub writes only while the session is idle. If the connection accepts a frame in
//! part, the rest stays here and goes first.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use crate::session::Frame;

/// Frames are combined up to about this many bytes for each write.
const WRITE_BYTES: usize = 16 * 1024;
/// Size of a read on a connection whose input is discarded.
const DISCARD_BYTES: usize = 512;

thread_local! {
    /// Combines the frames of one write. Shared, so that a connection needs no buffer of its own.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writing half of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    stream: TcpStream,
    pending: Mutex<Vec<u8>>,
}

/// How much of the offered frames the connection accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// This many frames, whole.
    Complete(usize),
    /// This many frames, the last of them in part. The rest of it is pending.
    Partial(usize),
    /// Nothing.
    Nothing,
}

impl Writer {
    /// Creates the writer. `initial` is sent before everything else.
    pub(super) fn new(stream: TcpStream, initial: Vec<u8>) -> Self {
        Self { stream, pending: Mutex::new(initial) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Appends to the pending bytes.
    pub(super) fn queue(&self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.pending());
    }

    /// Sends all pending bytes.
    pub(super) fn flush(&self) -> impl Future<Output = io::Result<()>> + '_ {
        std::future::poll_fn(|context| self.poll_flush(context))
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.push()? {
            std::task::ready!(self.stream.poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends as many of the pending bytes as the connection accepts now. Returns true if none are
    /// left.
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

    /// Sends as many of the frames as fit into one write, encoded by `encode`. Errors are not
    /// returned: the session reads from the connection, and notices a failure there.
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

    /// Completes when the client has disconnected. Its input is discarded, since the connection is
    /// one-way.
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
