//! WebSocket connections: opened as such, or upgraded from polling.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::connection::Connection;
use super::engine::{self, Error, PROBE, PROBE_REPLY, UPGRADE};
use super::polling::Polling;
use super::{connect, registry};
use crate::auth::Token;
use crate::problem::Problem;
use crate::transport::Context;
use crate::transport::taken_over;
use crate::transport::websocket::{Message, Socket, accept};

/// Timeout of an upgrade, the same as in the Socket.IO server.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a connection as a WebSocket.
pub(super) async fn begin(context: Context, request: Request, token: Option<Token>) -> Response {
    let Some(sid) = registry::new_sid() else { return Error::Request.into_response() };
    let max_bytes = context.max_frame_bytes;
    let accepted = accept(request, &[], max_bytes, move |socket, _| {
        let open = engine::open(&sid, &[], &context.sessions.limits, max_bytes);
        context.sessions.life.tasks.clone().spawn(async move {
            socket.queue_text(open.as_bytes());
            if socket.flush().await.is_ok() {
                connect::connect(context, Connection::WebSocket(socket), token).await;
            }
        });
    });
    finish(accepted).await
}

/// Upgrades a polling connection.
pub(super) async fn upgrade(context: &Context, request: Request, polling: Arc<Polling>) -> Response {
    let tasks = context.sessions.life.tasks.clone();
    let accepted = accept(request, &[], context.max_frame_bytes, move |socket, _| {
        tasks.spawn(async move {
            match timeout(UPGRADE_TIMEOUT, probe(socket, &polling)).await {
                Ok(Some(socket)) => polling.upgraded(socket),
                _ => polling.set_upgrading(false),
            }
        });
    });
    finish(accepted).await
}

async fn finish(accepted: Result<(), Problem>) -> Response {
    match accepted {
        Ok(()) => taken_over().await,
        Err(problem) => problem.into_response(),
    }
}

/// Performs the upgrade: the client probes the WebSocket, waits for its poll to end, and confirms.
/// `None` if it does not.
async fn probe(mut socket: Socket, polling: &Polling) -> Option<Socket> {
    if text(&mut socket).await? != PROBE {
        return None;
    }
    socket.queue_text(PROBE_REPLY.as_bytes());
    socket.flush().await.ok()?;
    polling.set_upgrading(true);
    (text(&mut socket).await? == UPGRADE).then_some(socket)
}

async fn text(socket: &mut Socket) -> Option<String> {
    loop {
        match socket.read().await {
            Ok(Message::Text(text)) => return Some(text),
            Ok(Message::Ping(_) | Message::Pong) => {}
            _ => return None,
        }
    }
}
