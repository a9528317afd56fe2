//! Frame headers, RFC 6455 §5.2: writes a server's, reads a client's.

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Control frames may come between the fragments of a message, and are never fragmented.
    pub(super) fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// Maximum payload of a control frame.
pub(super) const MAX_CONTROL_BYTES: usize = 125;

/// Appends a complete server frame.
pub(super) fn write(opcode: Opcode, payload: &[u8], into: &mut Vec<u8>) {
    into.reserve(payload.len() + 10);
    into.push(0x80 | opcode.bits());
    // The conversions cannot fail, since the patterns limit the ranges.
    match payload.len() {
        short @ 0..=125 => into.push(u8::try_from(short).unwrap_or_default()),
        middle @ 126..=0xffff => {
            into.push(126);
            into.extend_from_slice(&u16::try_from(middle).unwrap_or_default().to_be_bytes());
        }
        long => {
            into.push(127);
            into.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    into.extend_from_slice(payload);
}

/// The header of a client's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) is_final: bool,
    pub(super) mask: [u8; 4],
    /// Bytes of payload.
    pub(super) length: u64,
    /// Bytes of the header itself.
    pub(super) size: usize,
}

/// The header violates RFC 6455: a reserved bit or opcode, no mask, or a control frame that is long
/// or fragmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidHeader;

impl Header {
    /// Reads the header at the beginning of `bytes`. Returns `None` if bytes are missing. A
    /// violation is found as early as possible.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, InvalidHeader> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (is_final, reserved) = (first & 0x80 != 0, first & 0x70);
        let opcode = Opcode::from_bits(first & 0x0f).filter(|_| reserved == 0).ok_or(InvalidHeader)?;
        if opcode.is_control() && !is_final {
            return Err(InvalidHeader);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let (is_masked, short) = (second & 0x80 != 0, second & 0x7f);
        if !is_masked || (opcode.is_control() && usize::from(short) > MAX_CONTROL_BYTES) {
            return Err(InvalidHeader);
        }
        let Some((length, extended)) = length(short, &bytes[2..]) else { return Ok(None) };
        // The highest bit must be zero.
        if length > u64::MAX / 2 {
            return Err(InvalidHeader);
        }
        let size = 2 + extended + 4;
        let Some(&mask) = bytes.get(2 + extended..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Ok(None);
        };
        Ok(Some(Self { opcode, is_final, mask, length, size }))
    }
}

/// Returns the payload's length, and the number of bytes of its extended form.
fn length(short: u8, rest: &[u8]) -> Option<(u64, usize)> {
    match short {
        126 => rest.first_chunk().map(|bytes| (u64::from(u16::from_be_bytes(*bytes)), 2)),
        127 => rest.first_chunk().map(|bytes| (u64::from_be_bytes(*bytes), 8)),
        _ => Some((u64::from(short), 0)),
    }
}

/// Appends the payload, unmasked.
pub(super) fn unmask(payload: &[u8], mask: [u8; 4], into: &mut Vec<u8>) {
    let begin = into.len();
    into.extend_from_slice(payload);
    let mut words = into[begin..].chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(length: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        write(Opcode::Text, &vec![b'x'; length], &mut frame);
        frame
    }

    #[test]
    fn length_is_written_in_as_few_bytes_as_possible() {
        // RFC 6455 §5.7 has the first; the others are its lengths of 16 and 64 bits.
        assert_eq!(written(5)[..2], [0x81, 0x05]);
        assert_eq!(written(125)[..2], [0x81, 125]);
        assert_eq!(written(126)[..4], [0x81, 126, 0, 126]);
        assert_eq!(written(256)[..4], [0x81, 126, 1, 0]);
        assert_eq!(written(65535)[..4], [0x81, 126, 0xff, 0xff]);
        assert_eq!(written(65536)[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(written(65536).len(), 65546);
    }

    #[test]
    fn masked_frame_of_the_rfc_example_is_parsed() {
        // RFC 6455 §5.7: a single-frame masked text message, "Hello".
        let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let header = Header::read(&frame).unwrap().unwrap();
        assert_eq!((header.opcode, header.is_final, header.length, header.size), (Opcode::Text, true, 5, 6));
        let mut text = Vec::new();
        unmask(&frame[header.size..], header.mask, &mut text);
        assert_eq!(text, b"Hello");
    }

    #[test]
    fn incomplete_header_needs_more_bytes() {
        let mut frame = vec![0x82, 0xff];
        frame.extend_from_slice(&70_000u64.to_be_bytes());
        frame.extend_from_slice(&[1, 2, 3, 4]);
        for end in 0..frame.len() {
            assert_eq!(Header::read(&frame[..end]), Ok(None), "{end} bytes");
        }
        assert_eq!(Header::read(&frame).unwrap().unwrap().length, 70_000);
    }

    #[test]
    fn violation_is_found_in_the_first_bytes() {
        for (name, bytes) in [
            ("a reserved bit", &[0xc1][..]),
            ("a reserved opcode", &[0x83]),
            ("a fragmented ping", &[0x09]),
            ("no mask", &[0x81, 0x05]),
            ("a ping of 126 bytes", &[0x89, 0xfe]),
            ("a length of 2^63", &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(Header::read(bytes), Err(InvalidHeader), "{name}");
        }
    }
}
