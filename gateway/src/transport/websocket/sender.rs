//! The writing half of a WebSocket: writes each frame with its header.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::super::writer::{Progress, Writer};
use super::header::{self, Opcode};
use crate::session::{Frame, Pinged, Wire, Written};

#[derive(Debug)]
pub(in super::super) struct Sender(Writer);

impl Sender {
    /// Creates the sender. `first` is sent before everything else.
    pub(super) fn new(stream: TcpStream, first: Vec<u8>) -> Self {
        Self(Writer::new(stream, first))
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.0.stream()
    }

    /// Queues a frame.
    pub(super) fn queue(&self, opcode: Opcode, payload: &[u8]) {
        self.0.queue(|rest| header::write(opcode, payload, rest));
    }

    /// Sends all queued frames.
    pub(super) fn flush(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.0.flush()
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(context)
    }

    /// Sends the hub's frames, each encoded by `write`.
    pub(in super::super) fn try_write_as(
        &self,
        frames: &VecDeque<Frame>,
        mut write: impl FnMut(&Frame, &mut Vec<u8>),
    ) -> Written {
        let mut taken = 0;
        if !self.0.push().unwrap_or(false) {
            return Written::Some(taken);
        }
        while taken < frames.len() {
            match self.0.offer(frames.range(taken..), &mut write) {
                Progress::Complete(count) => taken += count,
                Progress::Partial(count) => return Written::Some(taken + count),
                Progress::Nothing => return Written::Some(taken),
            }
        }
        Written::All
    }

    /// Sends a ping, encoded by `write`.
    pub(in super::super) fn try_ping_as(&self, write: impl FnOnce(&mut Vec<u8>)) -> Pinged {
        self.0.queue(write);
        if self.0.push().unwrap_or(false) { Pinged::All } else { Pinged::Begun }
    }
}

impl Wire for Sender {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        self.try_write_as(frames, |frame, into| header::write(Opcode::Text, &frame.bytes, into))
    }

    fn try_ping(&self) -> Pinged {
        self.try_ping_as(|into| header::write(Opcode::Ping, &[], into))
    }
}
