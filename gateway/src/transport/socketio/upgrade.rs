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
use crate::problem::Problem;
use crate::transport::Context;
use crate::transport::claimed;
use crate::transport::websocket::{Message, Socket, accept};

/// How long going over may take, as long as in the server of Socket.IO itself.
const UPGRADE_PATIENCE: Duration = Duration::from_secs(10);

/// A connection that begins as a WebSocket.
pub(super) async fn begin(context: Context, request: Request, token: Option<Token>) -> Response {
    let Some(sid) = links::new_sid() else { return Error::Request.into_response() };
    let most_bytes = context.max_frame_bytes;
    let accepted = accept(request, &[], most_bytes, move |socket, _| {
        let open = engine::open(&sid, &[], &context.sessions.limits, most_bytes);
        context.sessions.life.tasks.clone().spawn(async move {
            socket.queue_text(open.as_bytes());
            if socket.flush().await.is_ok() {
                greet::greet(context, Link::Socket(socket), token).await;
            }
        });
    });
    answer(accepted).await
}

/// One that goes over.
pub(super) async fn go_over(context: &Context, request: Request, polling: Arc<Polling>) -> Response {
    let tasks = context.sessions.life.tasks.clone();
    let accepted = accept(request, &[], context.max_frame_bytes, move |socket, _| {
        tasks.spawn(async move {
            match timeout(UPGRADE_PATIENCE, probed(socket, &polling)).await {
                Ok(Some(socket)) => polling.upgraded(socket),
                _ => polling.upgrading(false),
            }
        });
    });
    answer(accepted).await
}

async fn answer(accepted: Result<(), Problem>) -> Response {
    match accepted {
        Ok(()) => claimed().await,
        Err(problem) => problem.into_response(),
    }
}

/// The client tries the socket, waits until its poll has ended, and says that it goes over. None if it does not.
async fn probed(mut socket: Socket, polling: &Polling) -> Option<Socket> {
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
