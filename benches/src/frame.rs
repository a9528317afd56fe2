//! WebSocket frames (RFC 6455), as far as a load client needs them.

/// Opcodes of frames.
pub mod opcode {
    /// A further part of a message.
    pub const CONTINUATION: u8 = 0;
    /// Text.
    pub const TEXT: u8 = 1;
    /// Bytes.
    pub const BINARY: u8 = 2;
    /// The end of the connection.
    pub const CLOSE: u8 = 8;
    /// A ping, which must be answered.
    pub const PING: u8 = 9;
    /// The answer to a ping.
    pub const PONG: u8 = 10;
}

/// A server's frame within the bytes read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// One of [`opcode`].
    pub opcode: u8,
    /// Whether it is the last part of its message.
    pub last: bool,
    /// The payload.
    pub payload: &'a [u8],
}

/// Returns the first frame and its length in bytes; `None` while it is incomplete.
pub fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (head, length) = (*bytes.first()?, *bytes.get(1)?);
    let (begin, length) = match length & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = begin + usize::try_from(length).ok()?;
    let payload = bytes.get(begin..end)?;
    Some((Frame { opcode: head & 0x0f, last: head & 0x80 != 0, payload }, end))
}

/// Writes a client's frame. Its mask is zero: the server must still unmask it, which saves
/// work here.
pub fn client(opcode: u8, payload: &[u8], into: &mut Vec<u8>) {
    head(opcode, payload.len(), 0x80, into);
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(payload);
}

/// Writes a server's text frame.
pub fn server_text(payload: &[u8], into: &mut Vec<u8>) {
    head(opcode::TEXT, payload.len(), 0, into);
    into.extend_from_slice(payload);
}

fn head(opcode: u8, length: usize, mask: u8, into: &mut Vec<u8>) {
    into.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => into.push(mask | short),
        (_, Ok(length)) => {
            into.push(mask | 0x7e);
            into.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            into.push(mask | 0x7f);
            into.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_parsed() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            server_text(&payload, &mut bytes);
            let length_with_header = bytes.len();
            bytes.push(0x89);
            let (frame, taken) = first(&bytes).unwrap();
            assert_eq!(
                (frame.opcode, frame.last, frame.payload.len(), taken),
                (opcode::TEXT, true, length, length_with_header)
            );
            assert_eq!(first(&bytes[..length_with_header - 1]), None);
        }
    }

    #[test]
    fn client_frame_is_masked() {
        let mut bytes = Vec::new();
        client(opcode::PONG, b"ab", &mut bytes);
        assert_eq!(bytes, [0x8a, 0x82, 0, 0, 0, 0, b'a', b'b']);
    }
}
