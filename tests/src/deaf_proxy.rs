//! A proxy to Redis that can make a connection deaf. It parses enough RESP to drop the messages of
//! subscriptions, while commands and their replies still pass, PING included. It can also cut all
//! connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running proxy. Its connections end when the value is dropped.
pub struct DeafProxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    /// Connections accepted so far. Each connection knows its own number.
    accepted: AtomicU64,
    /// Connections with a smaller number are deaf.
    deaf_below: AtomicU64,
    /// Messages that were dropped.
    dropped: AtomicU64,
    /// Whether connections pass.
    connected: watch::Sender<bool>,
}

impl DeafProxy {
    /// Starts a proxy to the server on this port.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            accepted: AtomicU64::new(0),
            deaf_below: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            connected: watch::Sender::new(true),
        });
        let accepting = tokio::spawn(accept(listener, port, Arc::clone(&state)));
        Self { address, state, accepting }
    }

    /// Returns the URL of Redis through the proxy.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Returns the port of the proxy.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes every open connection deaf: no message of a subscription passes any more.
    pub fn deafen(&self) {
        self.state.deaf_below.store(self.state.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Makes every connection deaf, also those that are opened later.
    pub fn deafen_all(&self) {
        self.state.deaf_below.store(u64::MAX, Ordering::SeqCst);
    }

    /// Lets messages pass on all connections again.
    pub fn undeafen(&self) {
        self.state.deaf_below.store(0, Ordering::SeqCst);
    }

    /// Returns how many messages were dropped.
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::SeqCst)
    }

    /// Cuts every connection, and every new one at once.
    pub fn cut(&self) {
        self.state.connected.send_replace(false);
    }

    /// Lets new connections pass again.
    pub fn restore(&self) {
        self.state.connected.send_replace(true);
    }
}

impl Drop for DeafProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, port: u16, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = state.accepted.fetch_add(1, Ordering::SeqCst);
        if !*state.connected.borrow() {
            continue;
        }
        tokio::spawn(forward(client, port, number, Arc::clone(&state)));
    }
}

async fn forward(client: TcpStream, port: u16, number: u64, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut connected = state.connected.subscribe();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = filter(from_server, to_client, number, &state) => {}
        _ = connected.wait_for(|connected| !connected) => {}
    }
}

/// Forwards complete values, except messages of subscriptions while the connection is deaf.
async fn filter(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: u64, state: &State) {
    let (mut buffer, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match from.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(read) => buffer.extend_from_slice(&piece[..read]),
        }
        let mut forwarded = Vec::new();
        let mut at = 0;
        while let Some(length) = value_length(&buffer[at..]) {
            let value = &buffer[at..at + length];
            at += length;
            if is_message(value) && number < state.deaf_below.load(Ordering::SeqCst) {
                state.dropped.fetch_add(1, Ordering::SeqCst);
            } else {
                forwarded.extend_from_slice(value);
            }
        }
        buffer.drain(..at);
        if to.write_all(&forwarded).await.is_err() {
            return;
        }
    }
}

fn is_message(value: &[u8]) -> bool {
    value.starts_with(b">")
        && value.windows(b"\r\nsmessage\r\n".len()).take(16).any(|part| part == b"\r\nsmessage\r\n")
}

/// Returns the length of the value that begins here, or `None` if the value is not complete yet.
fn value_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let count = || std::str::from_utf8(&bytes[1..line]).ok()?.parse::<i64>().ok();
    let head = line + 2;
    match bytes[0] {
        b'$' | b'=' | b'!' => match usize::try_from(count()?) {
            Ok(length) => (bytes.len() >= head + length + 2).then_some(head + length + 2),
            // `$-1` is null.
            Err(_) => Some(head),
        },
        kind @ (b'*' | b'~' | b'>' | b'%') => {
            let members = usize::try_from(count()?).unwrap_or(0) * if kind == b'%' { 2 } else { 1 };
            (0..members).try_fold(head, |at, _| Some(at + value_length(bytes.get(at..)?)?))
        }
        _ => Some(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_values_have_a_length() {
        for value in [
            "+OK\r\n",
            ":12\r\n",
            "$-1\r\n",
            "$4\r\na\r\nb\r\n",
            "*2\r\n$1\r\na\r\n*1\r\n_\r\n",
            "%1\r\n+a\r\n:1\r\n",
            ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n",
        ] {
            let bytes = value.as_bytes();
            assert_eq!(value_length(&[bytes, b"+next\r\n"].concat()), Some(bytes.len()), "{value:?}");
            for end in 0..bytes.len() {
                assert_eq!(value_length(&bytes[..end]), None, "{:?}", &value[..end]);
            }
        }
    }

    #[test]
    fn only_messages_are_dropped() {
        assert!(is_message(b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"));
        assert!(!is_message(b">3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n"));
        assert!(!is_message(b"$8\r\nsmessage\r\n"));
    }
}
