//! What comes of a client's bytes: messages, and an end.

use crate::reader::{Message, Reader, Violation};
use crate::{MOST_BYTES, tungstenite};

#[derive(Debug, PartialEq, Eq)]
pub struct Course {
    pub messages: Vec<Message>,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// More may come.
    Waiting,
    /// The client has said goodbye.
    Goodbye,
    /// The client has broken a rule.
    Refused(Violation),
}

impl Course {
    /// By the gateway's reader.
    pub fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut reader, mut messages) = (Reader::new(MOST_BYTES), Vec::new());
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(violation) => return Self { messages, end: End::Refused(violation) },
                }
            }
        }
        Self { messages, end: End::Waiting }
    }

    /// As a socket reads: up to the first goodbye.
    pub fn until_goodbye(mut self) -> Self {
        if let Some(at) = self.messages.iter().position(|message| matches!(message, Message::Close(_))) {
            self.messages.truncate(at + 1);
            self.end = End::Goodbye;
        }
        self
    }

    /// Does tungstenite read the same from these bytes? These differences are no faults: it looks at a text that comes
    /// in parts before its last part; at a header when it is whole; it takes a control frame whose length is written
    /// longer than it need be; and 1014 for a code that may not be sent, which the registry has since made one.
    pub fn agrees(&self, bytes: &[u8]) {
        let theirs = tungstenite::course(bytes);
        let shared = theirs.messages.len();
        if theirs.end == End::Refused(Violation::InvalidUtf8) && self.messages.len() >= shared {
            let (same, later) = self.messages.split_at(shared);
            assert_eq!(same, theirs.messages);
            assert!(!later.iter().any(is_data), "a text of wrong bytes was taken: {self:?}, not {theirs:?}");
            return;
        }
        assert_ne!(self.end, End::Refused(Violation::InvalidUtf8), "a good text was refused: {self:?}, not {theirs:?}");
        if self.differs_in_control(&theirs, bytes) {
            return;
        }
        assert_eq!(self.messages, theirs.messages);
        match (self.end, theirs.end) {
            // Seen before the frame was whole: whatever follows, they must not get a message of it.
            (End::Refused(_), End::Waiting) => {
                let theirs = tungstenite::course(&[bytes, &[0; MOST_BYTES + 14]].concat());
                if !self.differs_in_control(&theirs, bytes) {
                    assert_eq!(self.messages, theirs.messages, "refused too early");
                    assert!(matches!(theirs.end, End::Refused(_)), "{self:?}, not {theirs:?}");
                }
            }
            (End::Refused(_), End::Refused(_)) => {}
            (ours, theirs) => assert_eq!(ours, theirs),
        }
    }

    fn differs_in_control(&self, theirs: &Self, bytes: &[u8]) -> bool {
        let mut pairs = self.messages.iter().zip(&theirs.messages);
        let same = pairs.by_ref().take_while(|(ours, theirs)| ours == theirs).count();
        match (self.messages.get(same), theirs.messages.get(same)) {
            // A code that may not be sent is told as 1002.
            (Some(Message::Close(Some(1014))), Some(Message::Close(Some(1002)))) => true,
            (None, Some(Message::Close(Some(1002)))) if self.end == End::Refused(Violation::Protocol) => true,
            (None, Some(control)) if self.end == End::Refused(Violation::Protocol) => {
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
