//! One client: its socket, its handshake, and its sequence trackers.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::account::SequenceTracker;
use crate::frame::{self, opcode};
use crate::mark::{Mark, now};
use crate::peer::{ClientIdentity, Handshake, Peer, RunConfig, Target};

use super::messages::ClientStats;
use crate::latency::Latency;
use crate::windows::Windows;

/// State shared by all clients of a process.
pub(super) struct Shared {
    pub(super) peer: &'static dyn Peer,
    pub(super) config: RunConfig,
    pub(super) phase: u16,
    pub(super) cursors: bool,
    pub(super) seen: ClientStats,
    pub(super) single_latency: Latency,
    pub(super) single_windows: Windows,
    pub(super) broadcast_latency: Latency,
    pub(super) events: u64,
    pub(super) buffer: Vec<u8>,
}

/// The connection state of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected.
    Disconnected,
    /// The upgrade request is not sent yet.
    Connecting,
    /// The upgrade request has no response yet.
    Upgrading,
    /// Not subscribed yet.
    Handshaking,
    /// Receives events.
    Subscribed,
}

/// A client.
pub(super) struct Client {
    pub(super) user: u32,
    token: String,
    cursor: Option<String>,
    pub(super) socket: Option<TcpStream>,
    pub(super) state: State,
    pub(super) begun: u64,
    unparsed: Vec<u8>,
    unsent: Vec<u8>,
    pub(super) own: SequenceTracker,
    pub(super) all: SequenceTracker,
}

/// Why a connection ended.
pub(super) type Disconnect = String;

impl Client {
    pub(super) fn new(user: u32, token: String) -> Self {
        Self {
            user,
            token,
            cursor: None,
            socket: None,
            state: State::Disconnected,
            begun: 0,
            unparsed: Vec::new(),
            unsent: Vec::new(),
            own: SequenceTracker::default(),
            all: SequenceTracker::default(),
        }
    }

    /// Takes a socket that is being connected, and prepares the upgrade request.
    pub(super) fn start(&mut self, socket: TcpStream, shared: &Shared, resume: bool) {
        self.socket = Some(socket);
        self.state = State::Connecting;
        self.begun = now();
        self.unparsed = Vec::new();
        if !resume {
            self.cursor = None;
        }
        self.unsent = shared.peer.upgrade_request(&shared.config, self.identity()).into_bytes();
    }

    /// Releases the socket and its buffers.
    pub(super) fn disconnect(&mut self) -> Option<TcpStream> {
        self.state = State::Disconnected;
        self.unparsed = Vec::new();
        self.unsent = Vec::new();
        self.socket.take()
    }

    fn identity(&self) -> ClientIdentity<'_> {
        ClientIdentity { user: self.user, token: &self.token, cursor: self.cursor.as_deref() }
    }

    /// Writes pending bytes; called when the socket is writable.
    pub(super) fn write(&mut self) -> Result<(), Disconnect> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        while !self.unsent.is_empty() {
            match socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(format!("writing: {error}")),
            }
        }
        if self.state == State::Connecting {
            self.state = State::Upgrading;
        }
        self.unsent = Vec::new();
        Ok(())
    }

    /// Reads and handles frames; called when the socket is readable.
    pub(super) fn read(&mut self, shared: &mut Shared) -> Result<(), Disconnect> {
        loop {
            let Some(socket) = &mut self.socket else { return Ok(()) };
            let mut buffer = std::mem::take(&mut shared.buffer);
            let read = socket.read(&mut buffer);
            let outcome = match read {
                Ok(0) => Err("the server closed it".to_owned()),
                Ok(read) => self.take(&buffer[..read], shared).map(|()| read == buffer.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(format!("reading: {error}")),
            };
            shared.buffer = buffer;
            // A short read means that nothing is left.
            if !outcome? {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &[u8], shared: &mut Shared) -> Result<(), Disconnect> {
        let at = now();
        if self.unparsed.is_empty() {
            let taken = self.parse(bytes, shared, at)?;
            if taken < bytes.len() {
                self.unparsed = bytes[taken..].to_vec();
            }
        } else {
            let mut joined = std::mem::take(&mut self.unparsed);
            joined.extend_from_slice(bytes);
            let taken = self.parse(&joined, shared, at)?;
            joined.drain(..taken);
            self.unparsed = if joined.is_empty() { Vec::new() } else { joined };
        }
        if self.unsent.is_empty() { Ok(()) } else { self.write() }
    }

    /// Parses complete frames, and returns how many bytes they take.
    fn parse(&mut self, bytes: &[u8], shared: &mut Shared, at: u64) -> Result<usize, Disconnect> {
        let mut taken = 0;
        if matches!(self.state, State::Upgrading | State::Connecting) {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(0) };
            if bytes.get(8..12) != Some(b" 101") {
                let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(format!("expected 101, found {:?}", String::from_utf8_lossy(line)));
            }
            taken = end + 4;
            self.state = State::Handshaking;
            self.handshake(&[], shared)?;
        }
        while let Some((frame, length)) = frame::first(&bytes[taken..]) {
            taken += length;
            match frame.opcode {
                opcode::TEXT | opcode::BINARY | opcode::CONTINUATION => self.message(frame.payload, shared, at)?,
                opcode::PING => {
                    shared.seen.pings += 1;
                    frame::client(opcode::PONG, frame.payload, &mut self.unsent);
                }
                opcode::CLOSE => return Err(format!("closed: {:?}", String::from_utf8_lossy(frame.payload))),
                _ => {}
            }
        }
        Ok(taken)
    }

    /// Handles a message. Some systems put several events, and pings among them, into one message,
    /// one per line. Events contain no newline.
    fn message(&mut self, payload: &[u8], shared: &mut Shared, at: u64) -> Result<(), Disconnect> {
        let mut rest = payload;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line(&rest[..end], shared, at)?;
            rest = &rest[end + 1..];
        }
        if rest.is_empty() && !payload.is_empty() { Ok(()) } else { self.line(rest, shared, at) }
    }

    fn line(&mut self, payload: &[u8], shared: &mut Shared, at: u64) -> Result<(), Disconnect> {
        let mut marked = false;
        for mark in Mark::all(payload) {
            marked = true;
            self.record(mark, shared, at);
        }
        if marked {
            if shared.cursors
                && let Some(cursor) = shared.peer.cursor(payload)
            {
                self.cursor = Some(cursor.to_owned());
            }
            return Ok(());
        }
        if self.state == State::Handshaking {
            return self.handshake(payload, shared);
        }
        if let Some(answer) = shared.peer.pong(payload) {
            shared.seen.pings += 1;
            frame::client(opcode::TEXT, answer.as_bytes(), &mut self.unsent);
        }
        Ok(())
    }

    fn record(&mut self, mark: Mark, shared: &mut Shared, at: u64) {
        shared.seen.last = at;
        let taken = at.saturating_sub(mark.at);
        match mark.to {
            _ if mark.phase != shared.phase => shared.seen.single.late += 1,
            Target::One(user) if user != self.user => shared.seen.single.foreign += 1,
            Target::One(_) => {
                self.own.record(mark.number);
                shared.single_latency.record(taken);
                shared.single_windows.record(mark.at, taken);
                shared.events += 1;
            }
            Target::All => {
                self.all.record(mark.number);
                shared.broadcast_latency.record(taken);
                shared.events += 1;
            }
        }
    }

    fn handshake(&mut self, payload: &[u8], shared: &Shared) -> Result<(), Disconnect> {
        let mut answers = Vec::new();
        let handshake = shared.peer.handshake(&shared.config, self.identity(), payload, &mut answers);
        for answer in &answers {
            frame::client(opcode::TEXT, answer.as_bytes(), &mut self.unsent);
        }
        match handshake {
            Handshake::Pending => {}
            Handshake::Subscribed => self.state = State::Subscribed,
            Handshake::Rejected => return Err(format!("rejected: {}", String::from_utf8_lossy(payload))),
        }
        Ok(())
    }
}
