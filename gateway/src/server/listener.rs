//! Accepts connections and serves HTTP/1.1 on each. It replaces the framework's listener, because a
//! client that never finishes its request must not hold a connection forever.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tower::ServiceExt;

use crate::lifecycle::{CancellationToken, Lifecycle};
use crate::transport::ConnectionTakeover;

/// Time limit for a request's head, including the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum size of a request's head, which may contain a token.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Maximum unsent bytes in a socket's kernel buffer: one write of a session.
const UNSENT_BYTES: u32 = 16 * 1024;
/// The pause after a failed accept, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of connections that wait to be accepted: the system's limit
/// (`net.core.somaxconn`). A client that finds the queue full retries after a second, which would
/// dominate the time in which all clients reconnect.
const ACCEPT_BACKLOG: u32 = i32::MAX as u32;

/// Listens on an address, even if another process has just released it.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_BACKLOG)
}

/// Serves until the node stops.
pub(super) fn serve(listener: TcpListener, router: Router, life: &Lifecycle) {
    let (tasks, stop) = (life.tasks.clone(), life.stop.clone());
    life.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    // Small frames must be sent at once.
                    let _ = socket.set_nodelay(true);
                    // A smaller kernel buffer saves memory for a slow client. It also shows
                    // progress early: the socket becomes writable before megabytes have drained.
                    let _ = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES);
                    tasks.spawn(serve_connection(socket, peer, router.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
}

/// Serves one connection until it closes or is taken over.
async fn serve_connection(socket: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let takeover = ConnectionTakeover::default();
    let extension = takeover.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(extension.clone());
        router.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    // The way a connection ends needs no report.
    let _ = takeover.serve(serving, stop.cancelled()).await;
}
