//! Reads the same bytes with tungstenite as a server.

use std::io::{self, ErrorKind, Read, Write};

use ::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use ::tungstenite::{Error, Message as Theirs};

use crate::MAX_BYTES;
use crate::read_result::{End, ReadResult};
use crate::reader::{Message, Violation};

/// The client's bytes; what the server writes is discarded.
struct Sent<'a>(&'a [u8]);

impl Read for Sent<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.0.read(into) }
    }
}

impl Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn read(bytes: &[u8]) -> ReadResult {
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .max_message_size(Some(MAX_BYTES))
        .max_frame_size(Some(MAX_BYTES));
    let mut socket = WebSocket::from_raw_socket(Sent(bytes), Role::Server, Some(config));
    let mut messages = Vec::new();
    let end = loop {
        match socket.read() {
            Ok(message) => messages.push(ours(message)),
            Err(error) => break end(error),
        }
        if let Some(Message::Close(_)) = messages.last() {
            break End::Closed;
        }
    };
    ReadResult { messages, end }
}

fn ours(message: Theirs) -> Message {
    match message {
        Theirs::Text(text) => Message::Text(text.as_str().to_owned()),
        Theirs::Binary(bytes) => Message::Binary(bytes.to_vec()),
        Theirs::Ping(payload) => Message::Ping(payload.to_vec()),
        Theirs::Pong(_) => Message::Pong,
        Theirs::Close(frame) => Message::Close(frame.map(|frame| frame.code.into())),
        Theirs::Frame(_) => unreachable!("tungstenite does not return single frames"),
    }
}

fn end(error: Error) -> End {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::WouldBlock => End::Waiting,
        Error::Utf8(_) => End::Violation(Violation::InvalidUtf8),
        Error::Capacity(_) => End::Violation(Violation::TooLarge),
        Error::Protocol(_) => End::Violation(Violation::Protocol),
        other => panic!("an error that no bytes cause: {other}"),
    }
}
