//! A client that may send any bytes and never responds by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::TIMEOUT;

/// In place of a length: the length follows in two bytes.
const IN_TWO_BYTES: u8 = 126;
/// In place of a length: the length follows in eight bytes.
const IN_EIGHT_BYTES: u8 = 127;

/// The state of the connection after the bytes were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The node sent a close frame with this code.
    Closed(u16),
    /// The node cut the connection without a close frame.
    Dropped,
    /// The connection is still open.
    Open,
}

/// A frame of the node, as it is on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Opcode: 1 text, 8 close, 9 ping.
    pub opcode: u8,
    /// Payload.
    pub payload: Vec<u8>,
}

/// A connection after its upgrade.
pub struct RawClient {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawClient {
    /// Connects and upgrades with this token in a header.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the node listens");
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: wirebell.v1\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the head is sent");
        let mut client = Self { stream, unread: Vec::new() };
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the accepted key does not match RFC 6455: {head}");
        client
    }

    /// Sends these bytes. It is not an error if the node has cut the connection.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Returns the next frame, or the end of the connection.
    pub async fn next(&mut self, within: Duration) -> Result<Frame, End> {
        let read = async {
            loop {
                if let Some(frame) = self.take_frame() {
                    return Ok(frame);
                }
                if !self.read_more().await {
                    return Err(End::Dropped);
                }
            }
        };
        tokio::time::timeout(within, read).await.unwrap_or(Err(End::Open))
    }

    /// Reads until the node closes or cuts the connection.
    pub async fn end(&mut self) -> End {
        let started = Instant::now();
        loop {
            match self.next(TIMEOUT.saturating_sub(started.elapsed())).await {
                Ok(Frame { opcode: 8, payload }) => {
                    return End::Closed(
                        payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])),
                    );
                }
                Ok(_) => {}
                Err(end) => return end,
            }
        }
    }

    async fn read_head(&mut self) -> String {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more().await, "the node cut the connection during the upgrade");
        };
        String::from_utf8_lossy(&self.unread.drain(..end).collect::<Vec<_>>()).into_owned()
    }

    async fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        assert_eq!(second & 0x80, 0, "a node never masks");
        let (length, start) = match second {
            IN_TWO_BYTES => (usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().ok()?)), 4),
            IN_EIGHT_BYTES => {
                (usize::try_from(u64::from_be_bytes(self.unread.get(2..10)?.try_into().ok()?)).ok()?, 10)
            }
            short => (usize::from(short), 2),
        };
        let payload = self.unread.get(start..start + length)?.to_vec();
        self.unread.drain(..start + length);
        Some(Frame { opcode: first & 0x0f, payload })
    }
}

/// Returns a valid client frame: `first` is the first byte (0x81 for a complete text), the payload
/// is masked.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = header(first, 0x80, payload.len() as u64);
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Returns a frame without a mask, which a client must not send.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, 0, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// Returns a frame header up to the mask, in the shortest form for this length. 0x80 as `mask` says
/// that a mask follows.
pub fn header(first: u8, mask: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..IN_TWO_BYTES), _) => bytes.push(mask + short),
        (_, Ok(medium)) => {
            bytes.push(mask + IN_TWO_BYTES);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(mask + IN_EIGHT_BYTES);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes
}
