//! WebSockets: a connection that begins as one, and one that goes over to it from polling.

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

/// How long going over may take, as long as in the server of Socket.IO itself.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(10);

/// A connection that begins as a WebSocket.
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

/// One that goes over.
pub(super) async fn upgrade(context: &Context, request: Request, polling: Arc<Polling>) -> Response {
    let tasks = context.sessions.life.tasks.clone();
    let accepted = accept(request, &[], context.max_frame_bytes, move |socket, _| {
        tasks.spawn(async move {
            match timeout(UPGRADE_PATIENCE, probe(socket, &polling)).await {
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

/// The client tries the socket, waits until its poll has ended, and says that it goes over. None if it does not.
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
