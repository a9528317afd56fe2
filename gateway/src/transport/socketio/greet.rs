//! From an open connection to a session: the client says to which namespace it wants to, and brings its token.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use wirebell_protocol::{CloseCode, Fault, Transport};

use super::client::Client;
use super::decode::{MAIN, Packet};
use super::encode;
use super::link::Link;
use crate::auth::{Refusal, Token};
use crate::session::{self, Entered, Entrance, Incoming};
use crate::transport::Context;

/// The `auth` of a client's options.
#[derive(Deserialize, Default)]
struct Auth {
    token: Option<String>,
    cursor: Option<String>,
}

/// Greets a client, and serves it. A token that came with the first request counts if `auth` has none.
pub(super) async fn greet(context: Context, link: Link, token: Option<Token>) {
    let mut client = Client::new(link);
    match admitted(&context, &mut client, token).await {
        Ok(entered) => entered.begin(Arc::clone(&context.sessions), client),
        Err(code) => client.link().close(code, "").await,
    }
}

/// A client that is refused may try again, with another token, until its time is over.
async fn admitted(context: &Context, client: &mut Client, token: Option<Token>) -> Result<Entered, CloseCode> {
    let until = Instant::now() + context.sessions.limits.auth_timeout;
    loop {
        let auth = timeout_at(until, connect(client)).await.map_err(|_| CloseCode::AuthTimeout)??;
        let refusal = match auth.token.map(Token::new).or_else(|| token.clone()) {
            None => missing(context),
            Some(token) => {
                let entrance = Entrance { token: Some(token), cursor: auth.cursor, transport: Transport::SocketIo };
                match session::enter(&context.sessions, client, entrance).await {
                    Ok(entered) => return Ok(entered),
                    Err(refused) => refused.ok_or(CloseCode::Normal)?,
                }
            }
        };
        // A client that is refused stays away; what passes by itself ends the connection, and it comes back.
        match refusal.fault {
            Fault::Unavailable | Fault::Internal => return Err(CloseCode::Internal),
            Fault::TooMany => return Err(CloseCode::TooMany),
            Fault::Draining => return Err(CloseCode::Restart),
            _ => client.link().queue(&encode::refused(&refusal)),
        }
        client.link().flush().await.map_err(|_| CloseCode::Normal)?;
    }
}

/// The next packet that wants to the main namespace.
async fn connect(client: &mut Client) -> Result<Auth, CloseCode> {
    loop {
        match client.link().receive().await {
            Incoming::Text(message) => match Packet::of(&message) {
                Packet::Connect { namespace: MAIN, auth } => {
                    return Ok(serde_json::from_str(auth).unwrap_or_default());
                }
                Packet::Connect { namespace, .. } => {
                    client.link().queue(&encode::unknown_namespace(namespace));
                    client.link().flush().await.map_err(|_| CloseCode::Normal)?;
                }
                _ => return Err(CloseCode::Policy),
            },
            Incoming::Alive => {}
            Incoming::TooLarge => return Err(CloseCode::FrameTooLarge),
            Incoming::NotText => return Err(CloseCode::InvalidText),
            Incoming::Broken | Incoming::Binary => return Err(CloseCode::Protocol),
            Incoming::Gone => return Err(CloseCode::Normal),
        }
    }
}

fn missing(context: &Context) -> Refusal {
    let message = "no token; expected `io(url, { auth: { token } })`, or one with the first request";
    let refusal = Refusal::new(Fault::TokenMissing, message);
    context.sessions.metrics.refusals.with_label_values(&[refusal.fault.code()]).inc();
    refusal
}
