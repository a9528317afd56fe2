//! The Socket.IO handshake: the client connects to a namespace with its token, and a session
//! begins.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wirebell_protocol::{CloseCode, ErrorCode, Transport};

use super::client::Client;
use super::connection::Connection;
use super::decode::{MAIN_NAMESPACE, Packet};
use super::encode;
use crate::auth::{Rejection, Token};
use crate::session::{self, ConnectRequest, Incoming, Joined};
use crate::transport::Context;

/// The `auth` object of a client's options.
#[derive(Deserialize, Default)]
struct ConnectAuth {
    token: Option<String>,
    cursor: Option<String>,
}

/// Performs the handshake, and serves the client. The token of the first request counts if `auth`
/// has none.
pub(super) async fn connect(context: Context, connection: Connection, token: Option<Token>) {
    let mut client = Client::new(connection);
    match accept(&context, &mut client, token).await {
        Ok(joined) => joined.spawn(Arc::clone(&context.sessions), client),
        Err(code) => client.connection().close(code, "").await,
    }
}

/// Accepts a client. After a rejection, the client may try another token until the authentication
/// timeout.
async fn accept(context: &Context, client: &mut Client, token: Option<Token>) -> Result<Joined, CloseCode> {
    let until = Instant::now() + context.sessions.limits.auth_timeout;
    loop {
        let auth = timeout_at(until, next_auth(client)).await.map_err(|_| CloseCode::AuthTimeout)??;
        let rejection = match auth.token.map(Token::new).or_else(|| token.clone()) {
            None => missing_token(context),
            Some(token) => {
                let request =
                    ConnectRequest { token: Some(token), cursor: auth.cursor, transport: Transport::SocketIo };
                match session::join(&context.sessions, client, request).await {
                    Ok(joined) => return Ok(joined),
                    Err(rejection) => rejection.ok_or(CloseCode::Normal)?,
                }
            }
        };
        // A rejected client does not reconnect. For a temporary error the connection is closed, and
        // the client reconnects.
        match rejection.code {
            ErrorCode::Unavailable | ErrorCode::Internal => return Err(CloseCode::Internal),
            ErrorCode::TooMany => return Err(CloseCode::TooMany),
            ErrorCode::Draining => return Err(CloseCode::Restart),
            _ => client.connection().queue(&encode::connect_error(&rejection)),
        }
        client.connection().flush().await.map_err(|_| CloseCode::Normal)?;
    }
}

/// Waits for the next CONNECT packet of the main namespace, and returns its `auth`.
async fn next_auth(client: &mut Client) -> Result<ConnectAuth, CloseCode> {
    loop {
        match client.connection().receive().await {
            Incoming::Text(message) => match Packet::parse(&message) {
                Packet::Connect { namespace: MAIN_NAMESPACE, auth } => {
                    return Ok(serde_json::from_str(auth).unwrap_or_default());
                }
                Packet::Connect { namespace, .. } => {
                    client.connection().queue(&encode::unknown_namespace(namespace));
                    client.connection().flush().await.map_err(|_| CloseCode::Normal)?;
                }
                _ => return Err(CloseCode::Policy),
            },
            Incoming::Alive => {}
            Incoming::TooLarge => return Err(CloseCode::FrameTooLarge),
            Incoming::InvalidUtf8 => return Err(CloseCode::InvalidText),
            Incoming::ProtocolError | Incoming::Binary => return Err(CloseCode::Protocol),
            Incoming::Closed => return Err(CloseCode::Normal),
        }
    }
}

fn missing_token(context: &Context) -> Rejection {
    let message = "no token; use `io(url, { auth: { token } })`, or send the token with the first request";
    let rejection = Rejection::new(ErrorCode::TokenMissing, message);
    context.sessions.metrics.rejections.with_label_values(&[rejection.code.as_str()]).inc();
    rejection
}
