//! One client: its socket, how far its greeting has come, and its ledgers.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::account::Ledger;
use crate::frame::{self, opcode};
use crate::mark::{Mark, now};
use crate::peer::{Greeting, Guest, Peer, Place, Target};

use super::orders::Seen;
use crate::latency::Latency;
use crate::windows::Windows;

/// What all clients of a process share.
pub(super) struct Desk {
    pub(super) peer: &'static dyn Peer,
    pub(super) place: Place,
    pub(super) phase: u16,
    pub(super) cursors: bool,
    pub(super) seen: Seen,
    pub(super) one_latency: Latency,
    pub(super) one_windows: Windows,
    pub(super) all_latency: Latency,
    pub(super) events: u64,
    pub(super) buffer: Vec<u8>,
}

/// How far a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is not connected.
    Away,
    /// The request is not sent yet.
    Opening,
    /// The request is not answered yet.
    Upgrading,
    /// It is not subscribed yet.
    Greeting,
    /// It gets events.
    Subscribed,
}

/// One client.
pub(super) struct Client {
    pub(super) user: u32,
    token: String,
    cursor: Option<String>,
    pub(super) socket: Option<TcpStream>,
    pub(super) state: State,
    pub(super) begun: u64,
    rest: Vec<u8>,
    unsent: Vec<u8>,
    pub(super) own: Ledger,
    pub(super) all: Ledger,
}

/// Why a connection is over.
pub(super) type Over = String;

impl Client {
    pub(super) fn new(user: u32, token: String) -> Self {
        Self {
            user,
            token,
            cursor: None,
            socket: None,
            state: State::Away,
            begun: 0,
            rest: Vec::new(),
            unsent: Vec::new(),
            own: Ledger::default(),
            all: Ledger::default(),
        }
    }

    /// Takes its socket, which is being connected.
    pub(super) fn begin(&mut self, socket: TcpStream, desk: &Desk, resume: bool) {
        self.socket = Some(socket);
        self.state = State::Opening;
        self.begun = now();
        self.rest = Vec::new();
        if !resume {
            self.cursor = None;
        }
        self.unsent = desk.peer.opening(&desk.place, self.guest()).into_bytes();
    }

    /// Lets its socket go, with what belongs to it.
    pub(super) fn forget(&mut self) -> Option<TcpStream> {
        self.state = State::Away;
        self.rest = Vec::new();
        self.unsent = Vec::new();
        self.socket.take()
    }

    fn guest(&self) -> Guest<'_> {
        Guest { user: self.user, token: &self.token, cursor: self.cursor.as_deref() }
    }

    /// Its socket can be written to.
    pub(super) fn write(&mut self) -> Result<(), Over> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        while !self.unsent.is_empty() {
            match socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(format!("writing: {error}")),
            }
        }
        if self.state == State::Opening {
            self.state = State::Upgrading;
        }
        self.unsent = Vec::new();
        Ok(())
    }

    /// Its socket can be read from.
    pub(super) fn read(&mut self, desk: &mut Desk) -> Result<(), Over> {
        loop {
            let Some(socket) = &mut self.socket else { return Ok(()) };
            let mut buffer = std::mem::take(&mut desk.buffer);
            let read = socket.read(&mut buffer);
            let outcome = match read {
                Ok(0) => Err("the server closed it".to_owned()),
                Ok(read) => self.take(&buffer[..read], desk).map(|()| read == buffer.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(format!("reading: {error}")),
            };
            desk.buffer = buffer;
            // What is shorter than the buffer was all there was.
            if !outcome? {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &[u8], desk: &mut Desk) -> Result<(), Over> {
        let at = now();
        if self.rest.is_empty() {
            let taken = self.hear(bytes, desk, at)?;
            if taken < bytes.len() {
                self.rest = bytes[taken..].to_vec();
            }
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(bytes);
            let taken = self.hear(&whole, desk, at)?;
            whole.drain(..taken);
            self.rest = if whole.is_empty() { Vec::new() } else { whole };
        }
        if self.unsent.is_empty() { Ok(()) } else { self.write() }
    }

    /// Hears what is there as a whole, and says how much that was.
    fn hear(&mut self, bytes: &[u8], desk: &mut Desk, at: u64) -> Result<usize, Over> {
        let mut taken = 0;
        if matches!(self.state, State::Upgrading | State::Opening) {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(0) };
            if bytes.get(8..12) != Some(b" 101") {
                let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(format!("expected 101, found {:?}", String::from_utf8_lossy(line)));
            }
            taken = end + 4;
            self.state = State::Greeting;
            self.greet(&[], desk)?;
        }
        while let Some((frame, length)) = frame::first(&bytes[taken..]) {
            taken += length;
            match frame.opcode {
                opcode::TEXT | opcode::BINARY | opcode::CONTINUATION => self.message(frame.payload, desk, at)?,
                opcode::PING => {
                    desk.seen.pings += 1;
                    frame::client(opcode::PONG, frame.payload, &mut self.unsent);
                }
                opcode::CLOSE => return Err(format!("closed: {:?}", String::from_utf8_lossy(frame.payload))),
                _ => {}
            }
        }
        Ok(taken)
    }

    /// Hears a message. Some systems put several into one, a line each, a ping among events too; no event has a line's
    /// end in it.
    fn message(&mut self, payload: &[u8], desk: &mut Desk, at: u64) -> Result<(), Over> {
        let mut rest = payload;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line(&rest[..end], desk, at)?;
            rest = &rest[end + 1..];
        }
        if rest.is_empty() && !payload.is_empty() { Ok(()) } else { self.line(rest, desk, at) }
    }

    fn line(&mut self, payload: &[u8], desk: &mut Desk, at: u64) -> Result<(), Over> {
        let mut marked = false;
        for mark in Mark::all(payload) {
            marked = true;
            self.note(mark, desk, at);
        }
        if marked {
            if desk.cursors
                && let Some(cursor) = desk.peer.cursor(payload)
            {
                self.cursor = Some(cursor.to_owned());
            }
            return Ok(());
        }
        if self.state == State::Greeting {
            return self.greet(payload, desk);
        }
        if let Some(answer) = desk.peer.answer(payload) {
            desk.seen.pings += 1;
            frame::client(opcode::TEXT, answer.as_bytes(), &mut self.unsent);
        }
        Ok(())
    }

    fn note(&mut self, mark: Mark, desk: &mut Desk, at: u64) {
        desk.seen.last = at;
        let taken = at.saturating_sub(mark.at);
        match mark.to {
            _ if mark.phase != desk.phase => desk.seen.ones.late += 1,
            Target::One(user) if user != self.user => desk.seen.ones.foreign += 1,
            Target::One(_) => {
                self.own.take(mark.number);
                desk.one_latency.record(taken);
                desk.one_windows.record(mark.at, taken);
                desk.events += 1;
            }
            Target::All => {
                self.all.take(mark.number);
                desk.all_latency.record(taken);
                desk.events += 1;
            }
        }
    }

    fn greet(&mut self, payload: &[u8], desk: &Desk) -> Result<(), Over> {
        let mut answers = Vec::new();
        let greeting = desk.peer.greet(&desk.place, self.guest(), payload, &mut answers);
        for answer in &answers {
            frame::client(opcode::TEXT, answer.as_bytes(), &mut self.unsent);
        }
        match greeting {
            Greeting::Wait => {}
            Greeting::Subscribed => self.state = State::Subscribed,
            Greeting::Refused => return Err(format!("refused: {}", String::from_utf8_lossy(payload))),
        }
        Ok(())
    }
}
