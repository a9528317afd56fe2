//! A WebSocket on the server's side, over TCP: what RFC 6455 wants of either end is done here, and nothing else.

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

/// How long a client has to answer a goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that are read in one call.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    /// What is read first lies here: a connection that says nothing has no buffer.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// One client's socket.
#[derive(Debug)]
pub struct Socket {
    sender: Arc<Sender>,
    reader: Reader,
    /// What came last cannot be understood, nor what comes behind it.
    is_broken: bool,
    /// A goodbye was said, or answered: nothing may be sent behind it.
    close_sent: bool,
    /// The client has said its own: nothing comes behind it.
    pub(super) close_received: bool,
}

/// Why there is nothing to read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client broke the rules.
    Violation(Violation),
    /// The connection is gone.
    Closed,
}

impl Socket {
    /// A socket on the connection that has asked for it. `answer` goes out before everything else; `received` is what the
    /// client has sent already.
    pub(super) fn new(stream: TcpStream, answer: Vec<u8>, received: &[u8], max_bytes: usize) -> Self {
        let mut reader = Reader::new(max_bytes);
        reader.push(received);
        Self {
            sender: Arc::new(Sender::new(stream, answer)),
            reader,
            is_broken: false,
            close_sent: false,
            close_received: false,
        }
    }

    pub(in super::super) fn sender(&self) -> &Arc<Sender> {
        &self.sender
    }

    /// The next message. Pings are answered, and so are goodbyes; both are told. Safe to abandon.
    ///
    /// Not an `async fn`, here and wherever a session waits: each keeps places of its own in the session's task.
    pub fn read(&mut self) -> impl Future<Output = Result<Message, Ended>> + '_ {
        poll_fn(|context| self.poll_read(context))
    }

    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Ended>> {
        loop {
            if self.is_broken {
                return Poll::Ready(Err(Ended::Closed));
            }
            match self.reader.next() {
                Ok(Some(message)) => {
                    self.answer(&message);
                    return Poll::Ready(Ok(message));
                }
                Ok(None) => {}
                Err(violation) => {
                    self.is_broken = true;
                    return Poll::Ready(Err(Ended::Violation(violation)));
                }
            }
            // Answers must not pile up before a client that sends and takes nothing.
            if ready!(self.sender.poll_flush(context)).is_err() {
                return Poll::Ready(Err(Ended::Closed));
            }
            if let Ok(0) | Err(_) = ready!(self.poll_fill(context)) {
                return Poll::Ready(Err(Ended::Closed));
            }
        }
    }

    fn answer(&mut self, message: &Message) {
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

    /// Queues a text.
    pub fn queue_text(&self, text: &[u8]) {
        self.sender.queue(Opcode::Text, text);
    }

    /// Queues bytes.
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

    /// Says goodbye, unless the client was first, and waits a moment until it has said it, too.
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
        // Its answer could not be told from what came before. What it has sent is taken all the same: a connection that
        // is closed over unread bytes is reset, and the goodbye may be lost with it.
        let _ = SockRef::from(self.sender.stream()).shutdown(Shutdown::Write);
        while matches!(self.discard().await, Ok(1..)) {}
    }

    async fn discard(&mut self) -> std::io::Result<usize> {
        self.reader = Reader::new(0);
        poll_fn(|context| self.poll_fill(context)).await
    }
}

/// Reads what has received. Where that does not fill the buffer, nothing more has: said to the runtime right away, that spares
/// the call by which it would find out. It does the same for itself in `AsyncRead`, which needs the stream for its own.
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
