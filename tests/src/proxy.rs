//! A TCP proxy to a server. Its link can be cut, stalled and slowed while connections are open.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Maximum size of one read. A slow link delays each such piece.
const PIECE: usize = 16 * 1024;

/// The state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Bytes pass.
    Open,
    /// Connections end, and new ones end at once.
    Cut,
    /// Connections stay open, but no byte passes until the link is open again.
    Stalled,
    /// Each piece of bytes is delayed.
    Slow(Duration),
}

/// A proxy on its own port. It ends with all its connections when the value is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: watch::Sender<LinkState>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts a proxy to the server at this address. The server may start later.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (link, state) = watch::channel(LinkState::Open);
        let task = tokio::spawn(accept(listener, to, state)).abort_handle();
        Self { address, link, task }
    }

    /// Returns the address of the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the link for open and future connections.
    pub fn set(&self, link: LinkState) {
        self.link.send_replace(link);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(LinkState::Cut);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, link: watch::Receiver<LinkState>) {
    while let Ok((client, _)) = listener.accept().await {
        if *link.borrow() == LinkState::Cut {
            continue;
        }
        tokio::spawn(forward(client, to, link.clone()));
    }
}

async fn forward(client: TcpStream, to: SocketAddr, link: watch::Receiver<LinkState>) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = link.clone();
    // The end of one direction ends both: half a connection is of no use.
    tokio::select! {
        () = pass(from_client, to_server, link.clone()) => {}
        () = pass(from_server, to_client, link) => {}
        _ = cut.wait_for(|link| *link == LinkState::Cut) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut link: watch::Receiver<LinkState>) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let Ok(now) = link.wait_for(|link| *link != LinkState::Stalled).await.map(|link| *link) else { return };
        if let LinkState::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a server that echoes everything.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn answer(stream: &mut TcpStream) -> Option<std::io::Result<usize>> {
        let mut byte = [0; 1];
        tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await.ok()
    }

    #[tokio::test]
    async fn stalled_link_delays_bytes_and_cut_link_ends() {
        let proxy = Proxy::start(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert!(matches!(answer(&mut stream).await, Some(Ok(1))));

        proxy.set(LinkState::Stalled);
        stream.write_all(b"b").await.unwrap();
        assert!(answer(&mut stream).await.is_none(), "a stalled link forwarded a byte");
        proxy.set(LinkState::Open);
        assert!(
            matches!(answer(&mut stream).await, Some(Ok(1))),
            "a byte sent over the stalled link never arrived"
        );

        proxy.set(LinkState::Cut);
        assert!(matches!(answer(&mut stream).await, Some(Ok(0) | Err(_))), "a cut link is still open");
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(matches!(answer(&mut stream).await, Some(Ok(0) | Err(_))), "a cut link accepted a connection");
    }
}
