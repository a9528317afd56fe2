//! WebSockets: a connection that begins as one, and one that goes over to it from polling.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::engine::{self, Error, PROBE, PROBED, UPGRADE};
use super::link::Link;
use super::polling::Polling;
use super::{greet, links};
use crate::auth::Token;
use crate::transport::Context;
use crate::transport::websocket::{Message, Pending, Socket, accept};

/// How long going over may take, as long as in the server of Socket.IO itself.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(10);

/// A connection that begins as a WebSocket.
pub(super) fn begin(context: &Context, request: Request, token: Option<Token>) -> Response {
    let Some(sid) = links::new_sid() else { return Error::Request.into_response() };
    let context = context.clone();
    let (tasks, limits) = (context.sessions.life.tasks.clone(), context.sessions.limits);
    upgraded(request, context.max_frame_bytes, |pending| {
        // The task that upgrades holds what the request brought; the session gets a task of its own, without it.
        tasks.clone().spawn(async move {
            if let Some(socket) = pending.socket().await {
                let open = engine::open(&sid, &[], &limits, context.max_frame_bytes);
                socket.queue_text(open.as_bytes());
                if socket.flush().await.is_ok() {
                    tasks.spawn(greet::greet(context, Link::Socket(socket), token));
                }
            }
        });
    })
}

/// One that goes over.
pub(super) fn go_over(context: &Context, request: Request, polling: Arc<Polling>) -> Response {
    let tasks = &context.sessions.life.tasks;
    upgraded(request, context.max_frame_bytes, |pending| {
        tasks.spawn(async move {
            match timeout(UPGRADE_PATIENCE, probed(pending, &polling)).await {
                Ok(Some(socket)) => polling.upgraded(socket),
                _ => polling.upgrading(false),
            }
        });
    })
}

fn upgraded(mut request: Request, most_bytes: usize, take: impl FnOnce(Pending)) -> Response {
    match accept(&mut request, &[], most_bytes) {
        Ok((response, pending)) => {
            take(pending);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// The client tries the socket, waits until its poll has ended, and says that it goes over. None if it does not.
async fn probed(pending: Pending, polling: &Polling) -> Option<Socket> {
    let mut socket = pending.socket().await?;
    if text(&mut socket).await? != PROBE {
        return None;
    }
    socket.queue_text(PROBED.as_bytes());
    socket.flush().await.ok()?;
    polling.upgrading(true);
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
