//! The result of reading a client's bytes: messages and an end.

use crate::reader::{Message, Reader, Violation};
use crate::{MAX_BYTES, tungstenite};

#[derive(Debug, PartialEq, Eq)]
pub struct ReadResult {
    pub messages: Vec<Message>,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// More bytes may follow.
    Waiting,
    /// The client sent a close frame.
    Closed,
    /// The client violated the protocol.
    Violation(Violation),
}

impl ReadResult {
    /// Reads the pieces with the gateway's reader.
    pub fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut reader, mut messages) = (Reader::new(MAX_BYTES), Vec::new());
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(violation) => return Self { messages, end: End::Violation(violation) },
                }
            }
        }
        Self { messages, end: End::Waiting }
    }

    /// Drops what follows the first close frame, as a socket does.
    pub fn until_close(mut self) -> Self {
        if let Some(at) = self.messages.iter().position(|message| matches!(message, Message::Close(_))) {
            self.messages.truncate(at + 1);
            self.end = End::Closed;
        }
        self
    }

    /// Asserts that tungstenite reads the same from these bytes, except for four known differences. tungstenite checks a
    /// fragmented text before its last fragment. It checks a header only when it is complete. It accepts a control frame
    /// whose length is not minimally encoded. It rejects close code 1014, which has been registered since.
    pub fn assert_agrees(&self, bytes: &[u8]) {
        let theirs = tungstenite::read(bytes);
        let shared = theirs.messages.len();
        if theirs.end == End::Violation(Violation::InvalidUtf8) && self.messages.len() >= shared {
            let (same, later) = self.messages.split_at(shared);
            assert_eq!(same, theirs.messages);
            assert!(!later.iter().any(is_data), "invalid UTF-8 was accepted: {self:?}, not {theirs:?}");
            return;
        }
        assert_ne!(
            self.end,
            End::Violation(Violation::InvalidUtf8),
            "valid UTF-8 was rejected: {self:?}, not {theirs:?}"
        );
        if self.differs_in_control(&theirs, bytes) {
            return;
        }
        assert_eq!(self.messages, theirs.messages);
        match (self.end, theirs.end) {
            // The reader rejects an incomplete frame. tungstenite must also reject it, whatever bytes follow.
            (End::Violation(_), End::Waiting) => {
                let theirs = tungstenite::read(&[bytes, &[0; MAX_BYTES + 14]].concat());
                if !self.differs_in_control(&theirs, bytes) {
                    assert_eq!(self.messages, theirs.messages, "rejected too early");
                    assert!(matches!(theirs.end, End::Violation(_)), "{self:?}, not {theirs:?}");
                }
            }
            (End::Violation(_), End::Violation(_)) => {}
            (ours, theirs) => assert_eq!(ours, theirs),
        }
    }

    fn differs_in_control(&self, theirs: &Self, bytes: &[u8]) -> bool {
        let mut pairs = self.messages.iter().zip(&theirs.messages);
        let same = pairs.by_ref().take_while(|(ours, theirs)| ours == theirs).count();
        match (self.messages.get(same), theirs.messages.get(same)) {
            // tungstenite replaces an invalid close code by 1002.
            (Some(Message::Close(Some(1014))), Some(Message::Close(Some(1002)))) => true,
            (None, Some(Message::Close(Some(1002)))) if self.end == End::Violation(Violation::Protocol) => true,
            (None, Some(control)) if self.end == End::Violation(Violation::Protocol) => {
                let is_long = |two: &[u8]| matches!(two, [0x88..=0x8a, 0xfe | 0xff]);
                !is_data(control) && bytes.windows(2).any(is_long)
            }
            _ => false,
        }
    }
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
