//! A client that reads slowly until it is made fast.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::TIMEOUT;
use crate::client::is_event;

/// How fast the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadSpeed {
    /// Without a limit.
    Fast,
    /// 256 bytes, four times per second.
    KilobytePerSecond,
}

const PIECE: usize = 256;
const PAUSE: Duration = Duration::from_millis(250);
/// Receive buffer of the kernel, which holds about twice as much.
const RECEIVE_BUFFER: u32 = 16 * 1024;

/// Number of bytes that a client has read so far.
pub(super) type BytesRead = Arc<AtomicU64>;

/// A connected client.
pub(super) struct SlowClient {
    socket: WebSocketStream<ThrottledStream>,
}

struct ThrottledStream {
    stream: TcpStream,
    pause: Pin<Box<Sleep>>,
    fast: Arc<AtomicBool>,
    read: BytesRead,
}

impl SlowClient {
    /// Connects with a small receive buffer, which keeps unread data at the node.
    pub(super) async fn connect(address: SocketAddr, token: &str, speed: ReadSpeed) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("a size");
        let stream = socket.connect(address).await.expect("the node listens");
        let fast = Arc::new(AtomicBool::new(speed == ReadSpeed::Fast));
        let stream =
            ThrottledStream { stream, pause: Box::pin(sleep(Duration::ZERO)), fast, read: BytesRead::default() };
        let mut request = format!("ws://{address}/ws").into_client_request().expect("a URL");
        let authorization = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert("authorization", authorization);
        request.headers_mut().insert("sec-websocket-protocol", "wirebell.v1".parse().expect("a header"));
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("an upgrade");
        Self { socket }
    }

    /// Returns the switch that makes the client fast.
    pub(super) fn fast(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.socket.get_ref().fast)
    }

    /// Returns the counter of bytes that the client has read.
    pub(super) fn read_so_far(&self) -> BytesRead {
        Arc::clone(&self.socket.get_ref().read)
    }

    /// Receives this many events, then waits for events that should not arrive. Returns the
    /// violations.
    pub(super) async fn take(mut self, events: u64) -> Vec<String> {
        let (mut violations, mut expected) = (Vec::new(), 0);
        loop {
            let patience = if expected < events { 3 * TIMEOUT } else { Duration::from_secs(1) };
            match tokio::time::timeout(patience, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if is_event(&frame) {
                        violations.extend(out_of_sequence(&frame, &mut expected));
                    } else if frame["type"] == "wirebell.gap" {
                        violations.push(format!("gap before event {expected}"));
                    }
                }
                Ok(Some(Ok(_))) => {}
                Err(_) if expected == events => return violations,
                end => {
                    violations.push(format!("slow client: expected event {expected} of {events}, found {end:?}"));
                    return violations;
                }
            }
        }
    }
}

/// Returns a violation if the event is not the next one.
pub(super) fn out_of_sequence(frame: &Value, expected: &mut u64) -> Option<String> {
    let found = frame["data"]["n"].as_u64();
    let wanted = std::mem::replace(expected, found.map_or(*expected, |found| found + 1));
    (found != Some(wanted)).then(|| format!("{}: expected {wanted}, found {found:?}", frame["channel"]))
}

impl AsyncRead for ThrottledStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.fast.load(Ordering::Relaxed) {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            ready!(self.pause.as_mut().poll(context));
            let mut piece = buffer.take(PIECE);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
            let count = piece.filled().len();
            buffer.advance(count);
            self.pause.as_mut().reset(Instant::now() + PAUSE);
        }
        self.read.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ThrottledStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
