//! Accepts a client: authenticates it, joins it to the hub and welcomes it, or rejects it with a
//! reason.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{CloseCode, Cursor, ErrorCode, Transport};

use super::close_reason::close_code;
use super::limits::{EARLY_FLUSH_DELAY, JOIN_TIMEOUT};
use super::peer::{Incoming, Peer};
use super::{Sessions, frames};
use crate::auth::{Identity, Rejection, Token};
use crate::hub::{JoinResult, Membership, SubscribeFrom, Unavailable};

/// A client's request to connect.
pub struct ConnectRequest {
    /// The token of the request. Without one, the first frame must bring it.
    pub token: Option<Token>,
    /// The cursor of the request: the client wants its user's events after this one.
    pub cursor: Option<String>,
    /// The transport that carries the client.
    pub transport: Transport,
}

/// An accepted client: its identity, its membership in the hub, and where replay begins.
pub(super) struct Accepted {
    pub(super) identity: Identity,
    pub(super) membership: Membership,
    /// The cursor after which the user's log is replayed. Boxed, since only a client that resumes
    /// has one.
    pub(super) replay_after: Option<Box<Cursor>>,
    /// The log still had all events after the client's cursor.
    pub(super) recovered: bool,
}

/// Why a client was not accepted.
pub(super) enum AcceptError {
    /// The client disconnected.
    Disconnected,
    /// The client gets this rejection.
    Rejected(Rejection),
}

impl From<Rejection> for AcceptError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Accepts a client and sends `wirebell.welcome`.
pub(super) async fn accept<P: Peer>(
    shared: &Arc<Sessions>,
    peer: &mut P,
    request: ConnectRequest,
) -> Result<Accepted, AcceptError> {
    let token = match request.token {
        Some(token) => token,
        None => first_token(shared, peer).await?,
    };
    let identity = flush_early(peer, shared.verifier.verify(&token)).await?;
    if shared.hub.sessions() >= shared.limits.connections {
        let rejection =
            rejection(ErrorCode::TooMany, "this node has reached its limit of connections; connect again later");
        return Err(rejection.with_user(Some(identity.channel)).into());
    }
    let mut membership = shared.hub.join(&identity.channel, identity.device.as_ref(), peer.wire());
    // A session that joins after the drain began does not get the command to leave.
    if shared.life.drain.is_cancelled() {
        let rejection =
            rejection(ErrorCode::Draining, "this node is shutting down; reconnect to reach another node");
        return Err(rejection.with_user(Some(identity.channel)).into());
    }
    let wanted = request.cursor.map(|text| text.parse::<Cursor>());
    let unavailable = |_: Unavailable| {
        rejection(ErrorCode::Unavailable, "the bus is unreachable; reconnect later")
            .with_user(Some(identity.channel.clone()))
    };
    let (begin, joined) = flush_early(peer, async {
        let begin = join_user_channel(&mut membership, &identity, wanted.and_then(Result::ok)).await?;
        Ok((begin, membership.register_presence(request.transport, JOIN_TIMEOUT).await?))
    })
    .await
    .map_err(unavailable)?;
    if joined == JoinResult::TooManySessions {
        let rejection =
            rejection(ErrorCode::TooManySessions, "this user has reached the limit of sessions per user");
        return Err(rejection.with_user(Some(identity.channel)).into());
    }
    // A member is notified of later revocations only, so the token is checked against the earlier
    // ones here.
    shared.verifier.check(&identity)?;
    let (replay_after, recovered) =
        begin.map_or((None, wanted.is_none()), |(cursor, complete)| (Some(cursor), complete));
    let since = replay_after.or_else(|| membership.live_after(&identity.channel)).unwrap_or_default();
    let welcome = frames::welcome(membership.id(), &identity, &shared.limits, (since, recovered));
    let written = async {
        peer.feed(welcome).await?;
        if let Some(Err(error)) = wanted {
            peer.feed(frames::error(ErrorCode::BadCursor, &format!("`cursor`: {error}"), None)).await?;
        }
        if !recovered {
            peer.feed(ServerFrame::Gap { channel: &identity.channel }.encode()).await?;
        }
        peer.flush().await
    };
    written.await.map_err(|_| AcceptError::Disconnected)?;
    Ok(Accepted { identity, membership, replay_after: replay_after.map(Box::new), recovered })
}

/// Runs `work`, and flushes what is queued if it takes longer than [`EARLY_FLUSH_DELAY`].
///
/// The handshake's response normally leaves with the welcome, in one write. When the welcome is
/// late, the response leaves alone, so that the client's own timeout for the handshake does not
/// expire.
async fn flush_early<P: Peer, T>(peer: &mut P, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = timeout(EARLY_FLUSH_DELAY, work.as_mut()).await {
        return done;
    }
    // If the connection is closed, writing the welcome fails.
    let _ = peer.flush().await;
    work.await
}

/// Subscribes to the user's channel. With a cursor, returns where replay begins, and whether the
/// log is complete from there.
async fn join_user_channel(
    membership: &mut Membership,
    identity: &Identity,
    cursor: Option<Cursor>,
) -> Result<Option<(Cursor, bool)>, Unavailable> {
    let since = cursor.map_or(SubscribeFrom::Now, SubscribeFrom::Cursor);
    membership.subscribe(&identity.channel, since, JOIN_TIMEOUT).await?;
    match cursor {
        Some(cursor) => membership.begin_resume(&identity.channel, cursor).await.map(Some),
        None => Ok(None),
    }
}

/// Sends the rejection to the client, and closes.
pub(super) async fn reject<P: Peer>(peer: &mut P, rejection: Rejection) {
    let _ = peer.feed(frames::error(rejection.code, &rejection.message, None)).await;
    if rejection.code == ErrorCode::Unavailable {
        let after = 1.0 + 9.0 * fastrand::f64();
        let _ = peer.feed(ServerFrame::Reconnect { after, reason: "unavailable" }.encode()).await;
    }
    let code = close_code(rejection.code);
    peer.close(code, close_text(code)).await;
}

/// Returns the token of the first frame, which must arrive within the authentication timeout.
async fn first_token<P: Peer>(shared: &Sessions, peer: &mut P) -> Result<Token, AcceptError> {
    let limit = shared.limits.auth_timeout;
    match timeout(limit, token_frame(peer)).await {
        Ok(token) => token,
        Err(_) => {
            Err(rejection(ErrorCode::AuthTimeout, "no token arrived within the authentication timeout").into())
        }
    }
}

/// Returns the token of the first frame.
async fn token_frame<P: Peer>(peer: &mut P) -> Result<Token, AcceptError> {
    loop {
        match peer.receive().await {
            Incoming::Text(text) => {
                return match P::parse(&text) {
                    Ok(ClientFrame::Auth { token, .. }) => Ok(Token::new(token)),
                    Ok(_) => Err(rejection(
                        ErrorCode::TokenMissing,
                        "the first frame must be `wirebell.auth` with a token",
                    )
                    .into()),
                    Err(error) => Err(Rejection::new(error.code, error.message).into()),
                };
            }
            Incoming::Alive => {}
            Incoming::Binary => {
                return Err(rejection(ErrorCode::BinaryFrame, "the first frame must be JSON text").into());
            }
            Incoming::TooLarge => {
                return Err(rejection(ErrorCode::FrameTooLarge, "the frame is larger than the limit").into());
            }
            Incoming::InvalidUtf8 | Incoming::ProtocolError => {
                return Err(rejection(ErrorCode::BadRequest, "protocol violation: see RFC 6455").into());
            }
            Incoming::Closed => return Err(AcceptError::Disconnected),
        }
    }
}

fn rejection(code: ErrorCode, message: &'static str) -> Rejection {
    Rejection::new(code, message)
}

/// Returns the reason in the close frame.
fn close_text(code: CloseCode) -> &'static str {
    match code {
        CloseCode::AuthTimeout => "no token within the authentication timeout",
        CloseCode::TooMany => "too many connections",
        CloseCode::Internal => "the bus is unreachable; reconnect later",
        CloseCode::FrameTooLarge => "the frame is larger than the limit",
        CloseCode::Protocol => "protocol violation: see RFC 6455",
        CloseCode::Forbidden => "not allowed",
        _ => "the token is missing, invalid or expired",
    }
}
