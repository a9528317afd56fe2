//! The server's end of a WebSocket over TCP, as RFC 6455 defines it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wirebell_protocol::CloseCode;

use super::header::Opcode;
use super::reader::{Message, Reader, Violation};
use super::sender::Sender;

/// How long a client has to reply to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum size of one read.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    /// The buffer of each read. Shared, so that an idle connection needs no buffer.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// The server's end of one WebSocket.
#[derive(Debug)]
pub struct Socket {
    sender: Arc<Sender>,
    reader: Reader,
    /// The last input was invalid, so that nothing after it can be read.
    is_broken: bool,
    /// A close frame was sent; nothing may be sent after it.
    close_sent: bool,
    /// The client's close frame was received; nothing comes after it.
    pub(super) close_received: bool,
}

/// Why nothing more can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client violated the protocol.
    Violation(Violation),
    /// The connection was lost.
    Closed,
}

impl Socket {
    /// Creates the socket on a connection whose handshake was valid. `response` is sent before
    /// everything else. `received` is what the client has already sent.
    pub(super) fn new(stream: TcpStream, response: Vec<u8>, received: &[u8], max_bytes: usize) -> Self {
        let mut reader = Reader::new(max_bytes);
        reader.push(received);
        Self {
            sender: Arc::new(Sender::new(stream, response)),
            reader,
            is_broken: false,
            close_sent: false,
            close_received: false,
        }
    }

    pub(in super::super) fn sender(&self) -> &Arc<Sender> {
        &self.sender
    }

    /// Reads the next message. Replies to pings and close frames, and returns both. Cancel safe.
    ///
    /// Not an `async fn`, like all functions in which a session waits: each would store extra state
    /// in the session's task.
    pub fn read(&mut self) -> impl Future<Output = Result<Message, Ended>> + '_ {
        poll_fn(|context| self.poll_read(context))
    }

    /// Returns the next message. Replies to pings and close frames.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Ended>> {
        loop {
            if self.is_broken {
                return Poll::Ready(Err(Ended::Closed));
            }
            match self.reader.next() {
                Ok(Some(message)) => {
                    self.reply_to(&message);
                    return Poll::Ready(Ok(message));
                }
                Ok(None) => {}
                Err(violation) => {
                    self.is_broken = true;
                    return Poll::Ready(Err(Ended::Violation(violation)));
                }
            }
            // Replies must not pile up for a client that sends and does not read.
            if ready!(self.sender.poll_flush(context)).is_err() {
                return Poll::Ready(Err(Ended::Closed));
            }
            if let Ok(0) | Err(_) = ready!(self.poll_fill(context)) {
                return Poll::Ready(Err(Ended::Closed));
            }
        }
    }

    fn reply_to(&mut self, message: &Message) {
        match message {
            Message::Ping(payload) if !self.close_sent => self.sender.queue(Opcode::Pong, payload),
            Message::Close(code) if !self.close_sent => {
                self.close_sent = true;
                let code = code.map(u16::to_be_bytes);
                self.sender.queue(Opcode::Close, code.as_ref().map_or(&[][..], |code| code));
            }
            _ => {}
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let (stream, reader) = (self.sender.stream(), &mut self.reader);
        loop {
            ready!(stream.poll_read_ready(context))?;
            match READ.with_borrow_mut(|buffer| read(stream, buffer, |received| reader.push(received))) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    /// Queues a text message.
    pub fn queue_text(&self, text: &[u8]) {
        self.sender.queue(Opcode::Text, text);
    }

    /// Queues a binary message.
    pub fn queue_binary(&self, bytes: &[u8]) {
        self.sender.queue(Opcode::Binary, bytes);
    }

    /// Queues a ping.
    pub fn queue_ping(&self) {
        self.sender.queue(Opcode::Ping, &[]);
    }

    /// Sends what is queued.
    pub async fn flush(&self) -> std::io::Result<()> {
        self.sender.flush().await
    }

    /// Sends a close frame, unless one was already sent, and waits briefly for the client's.
    pub async fn close(&mut self, code: CloseCode, reason: &str) {
        if std::mem::replace(&mut self.close_sent, true) {
            return;
        }
        let payload = [&code.number().to_be_bytes(), reason.as_bytes()].concat();
        self.sender.queue(Opcode::Close, &payload);
        let _ = timeout(CLOSE_TIMEOUT, self.finish_close()).await;
    }

    async fn finish_close(&mut self) {
        if self.sender.flush().await.is_err() {
            return;
        }
        if !self.is_broken {
            while !matches!(self.read().await, Ok(Message::Close(_)) | Err(_)) {}
            return;
        }
        // After invalid input, the client's close frame cannot be found. Its bytes are read all the
        // same: closing a connection with unread bytes resets it, and the close frame may be lost.
        let _ = SockRef::from(self.sender.stream()).shutdown(Shutdown::Write);
        while matches!(self.discard().await, Ok(1..)) {}
    }

    async fn discard(&mut self) -> std::io::Result<usize> {
        self.reader = Reader::new(0);
        poll_fn(|context| self.poll_fill(context)).await
    }
}

/// Reads the available bytes. If they do not fill the buffer, nothing more is available. The
/// runtime is notified of that at once, which saves the call by which it would notice. Tokio's own
/// `AsyncRead` does the same, but needs `&mut` access.
fn read(stream: &TcpStream, buffer: &mut [u8], take: impl FnOnce(&[u8])) -> std::io::Result<usize> {
    let mut all = None;
    let received = stream.try_io(Interest::READABLE, || {
        let received = (&*SockRef::from(stream)).read(buffer)?;
        if received == buffer.len() || received == 0 {
            return Ok(received);
        }
        all = Some(received);
        Err(ErrorKind::WouldBlock.into())
    });
    let received = all.map_or(received, Ok)?;
    take(&buffer[..received]);
    Ok(received)
}
