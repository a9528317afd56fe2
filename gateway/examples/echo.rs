//! A WebSocket echo server over the gateway's own WebSocket code. `tests/autobahn` tests the frame
//! codec with it, since the client API does not echo.
//!
//! It prints its address and serves until it is stopped:
//! `cargo run --release -p gateway --example echo -- 127.0.0.1:0`.

use std::future::pending;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use gateway::transport::websocket::{Ended, Message, Socket, accept};
use gateway::transport::{ConnectionTakeover, taken_over};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// The largest message of the test suite.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    let takeover = ConnectionTakeover::default();
    let shared = takeover.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(shared.clone());
        async { Ok::<_, std::convert::Infallible>(upgrade(request).await) }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = takeover.serve(serving, pending()).await {
        eprintln!("connection failed: {error}");
    }
}

async fn upgrade(request: Request) -> Response {
    let accepted = accept(request, &["echo"], MAX_BYTES, |mut socket, _| {
        tokio::spawn(async move { echo(&mut socket).await });
    });
    match accepted {
        Ok(()) => taken_over().await,
        Err(problem) => problem.into_response(),
    }
}

/// Echoes messages. Ends as a session does: replies to a close frame, and closes with a code after a
/// protocol violation.
async fn echo(socket: &mut Socket) {
    loop {
        match socket.read().await {
            Ok(Message::Text(text)) => socket.queue_text(text.as_bytes()),
            Ok(Message::Binary(bytes)) => socket.queue_binary(&bytes),
            Ok(Message::Ping(_) | Message::Pong) => {}
            Ok(Message::Close(_)) => return drop(socket.flush().await),
            Err(Ended::Violation(violation)) => return socket.close(violation.code(), "").await,
            Err(Ended::Closed) => return,
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}
