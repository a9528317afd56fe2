//! A door's listener: accepts, and serves HTTP/1.1 on each connection. It is ours and not the framework's, since a
//! client that never finishes its request must not hold a connection for ever.

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

/// How long a client has for a request's head, also for the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest head: tokens travel in it.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What may wait in a socket beyond what is on its way: one write of a session.
const UNSENT_BYTES: u32 = 16 * 1024;
/// The pause after an accept that failed, as it does without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait until they are accepted: as many as the system lets wait (`net.core.somaxconn`). Whoever
/// finds no room comes again after a second, and when everybody comes back at once that is what makes it long.
const ACCEPT_BACKLOG: u32 = i32::MAX as u32;

/// Takes an address. It may be one that another process has just left.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_BACKLOG)
}

/// Serves until everything stops.
pub(super) fn serve(listener: TcpListener, router: Router, life: &Lifecycle) {
    let (tasks, stop) = (life.tasks.clone(), life.stop.clone());
    life.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    // Small frames must not wait for each other.
                    let _ = socket.set_nodelay(true);
                    // What the kernel has not sent yet, and is not asked to take: with less in between, a slow client
                    // holds less memory, and shows that it takes something long before megabytes have drained.
                    let _ = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES);
                    tasks.spawn(connection(socket, peer, router.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
}

async fn connection(socket: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let takeover = ConnectionTakeover::default();
    let brought = takeover.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(brought.clone());
        router.clone().oneshot(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    // How a connection ends, by its client or by the protocol, is no news.
    let _ = takeover.serve(serving, stop.cancelled()).await;
}
