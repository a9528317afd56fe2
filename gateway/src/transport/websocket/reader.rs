//! Reads a client's messages from bytes: the reading half of RFC 6455, without a socket. Holds no
//! memory between frames.

use wirebell_protocol::CloseCode;

use super::header::{Header, Opcode, unmask};

/// A message or control frame from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message, its fragments joined.
    Text(String),
    /// A binary message, its fragments joined.
    Binary(Vec<u8>),
    /// A ping, which requires a pong with the same payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
}

/// Why nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A violation of RFC 6455.
    Protocol,
    /// A message larger than the limit.
    TooLarge,
    /// A text message that is not UTF-8.
    InvalidUtf8,
}

impl Violation {
    /// Returns the close code for the client.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::Protocol,
            Self::TooLarge => CloseCode::FrameTooLarge,
            Self::InvalidUtf8 => CloseCode::InvalidText,
        }
    }
}

/// The received bytes that are not a complete message yet.
#[derive(Debug)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    /// How many of the bytes are already read.
    read: usize,
    /// The fragments of a message so far. Boxed, since few messages are fragmented.
    fragments: Option<Box<Fragments>>,
    max_bytes: usize,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: Vec<u8>,
}

impl Reader {
    /// Creates a reader of messages up to `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::new(), read: 0, fragments: None, max_bytes }
    }

    /// Appends received bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next message, or `None` if more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Violation> {
        while let Some(header) = Header::read(&self.bytes[self.read..]).map_err(|_| Violation::Protocol)? {
            let length = self.length(header)?;
            let begin = self.read + header.size;
            let Some(payload) = self.bytes.get(begin..begin + length) else { return Ok(None) };
            let message = match header.opcode {
                Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                    let first = || Fragments { is_text: header.opcode == Opcode::Text, payload: Vec::new() };
                    let mut fragments = self.fragments.take().map_or_else(first, |fragments| *fragments);
                    unmask(payload, header.mask, &mut fragments.payload);
                    if header.is_final {
                        Some(fragments.finish()?)
                    } else {
                        self.fragments = Some(Box::new(fragments));
                        None
                    }
                }
                control => {
                    let mut plain = Vec::new();
                    unmask(payload, header.mask, &mut plain);
                    Some(self::control(control, plain)?)
                }
            };
            self.skip(header.size + length);
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    /// Returns the frame's length, if such a frame is valid now.
    fn length(&self, header: Header) -> Result<usize, Violation> {
        let length_so_far = match (header.opcode, &self.fragments) {
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol);
            }
            (Opcode::Continuation, Some(fragments)) => fragments.payload.len(),
            _ => 0,
        };
        let length = usize::try_from(header.length).map_err(|_| Violation::TooLarge)?;
        // A control frame may carry 125 bytes, even if the limit is smaller.
        if !header.opcode.is_control() && length > self.max_bytes.saturating_sub(length_so_far) {
            return Err(Violation::TooLarge);
        }
        Ok(length)
    }

    fn skip(&mut self, bytes: usize) {
        self.read += bytes;
        if self.read == self.bytes.len() {
            (self.bytes, self.read) = (Vec::new(), 0);
        }
    }
}

impl Fragments {
    fn finish(self) -> Result<Message, Violation> {
        if !self.is_text {
            return Ok(Message::Binary(self.payload));
        }
        String::from_utf8(self.payload).map(Message::Text).map_err(|_| Violation::InvalidUtf8)
    }
}

fn control(opcode: Opcode, payload: Vec<u8>) -> Result<Message, Violation> {
    match opcode {
        Opcode::Ping => Ok(Message::Ping(payload)),
        Opcode::Close => close(&payload),
        _ => Ok(Message::Pong),
    }
}

/// Reads a close frame (RFC 6455 §5.5.1 and §7.4): empty, or a code that may be sent, and a reason
/// in UTF-8.
fn close(payload: &[u8]) -> Result<Message, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(Message::Close(None)) } else { Err(Violation::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol);
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Message::Close(Some(code))),
        Err(_) => Err(Violation::InvalidUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        assert!(payload.len() < 126);
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
        frame.extend_from_slice(&MASK);
        unmask(payload, MASK, &mut frame);
        frame
    }

    fn all(bytes: &[u8]) -> Result<Vec<Message>, Violation> {
        let (mut reader, mut messages) = (Reader::new(100), Vec::new());
        reader.push(bytes);
        while let Some(message) = reader.next()? {
            messages.push(message);
        }
        Ok(messages)
    }

    fn text(text: &str) -> Message {
        Message::Text(text.to_owned())
    }

    #[test]
    fn several_messages_in_one_read_are_returned_in_order() {
        let bytes = [frame(0x81, b"one"), frame(0x8a, b""), frame(0x82, &[0xff]), frame(0x81, b"")].concat();
        assert_eq!(all(&bytes), Ok(vec![text("one"), Message::Pong, Message::Binary(vec![0xff]), text("")]));
    }

    #[test]
    fn message_that_arrives_byte_by_byte_is_returned_once() {
        let mut reader = Reader::new(100);
        for byte in frame(0x81, b"hello") {
            assert_eq!(reader.next(), Ok(None));
            reader.push(&[byte]);
        }
        assert_eq!(reader.next(), Ok(Some(text("hello"))));
        assert_eq!(reader.bytes.capacity(), 0, "no memory is held between frames");
    }

    #[test]
    fn fragments_are_joined_around_a_ping() {
        // "é" is two bytes, one in each fragment.
        let bytes =
            [frame(0x01, b"caf\xc3"), frame(0x89, b"?"), frame(0x00, b"\xa9 "), frame(0x80, b"noir")].concat();
        assert_eq!(all(&bytes), Ok(vec![Message::Ping(b"?".to_vec()), text("café noir")]));
    }

    #[test]
    fn fragments_in_the_wrong_order_are_rejected() {
        assert_eq!(all(&frame(0x80, b"x")), Err(Violation::Protocol));
        assert_eq!(all(&[frame(0x01, b"x"), frame(0x81, b"y")].concat()), Err(Violation::Protocol));
    }

    #[test]
    fn limit_applies_to_all_fragments_together() {
        assert_eq!(all(&[frame(0x01, &[b'x'; 60]), frame(0x80, &[b'x'; 40])].concat()).unwrap().len(), 1);
        assert_eq!(all(&[frame(0x01, &[b'x'; 60]), frame(0x80, &[b'x'; 41])].concat()), Err(Violation::TooLarge));
        // Found in the header alone, before any payload arrived.
        assert_eq!(all(&[0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]), Err(Violation::TooLarge));
    }

    #[test]
    fn close_frames_follow_the_rfc() {
        assert_eq!(all(&frame(0x88, b"")), Ok(vec![Message::Close(None)]));
        assert_eq!(all(&frame(0x88, &1000u16.to_be_bytes())), Ok(vec![Message::Close(Some(1000))]));
        assert_eq!(all(&frame(0x88, b"x")), Err(Violation::Protocol));
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert_eq!(all(&frame(0x88, &code.to_be_bytes())), Err(Violation::Protocol), "{code}");
        }
        assert_eq!(all(&frame(0x88, &[0x03, 0xe8, 0xff])), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn text_that_is_not_utf_8_is_rejected() {
        assert_eq!(all(&frame(0x81, &[0xff])), Err(Violation::InvalidUtf8));
    }
}
