//! Admission: from an open connection to a seated user, or to a refusal that says why.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{CloseCode, Cursor, Fault, Transport};

use super::close_reason::close_code;
use super::limits::{EARLY_FLUSH_DELAY, JOIN_TIMEOUT};
use super::peer::{Incoming, Peer};
use super::{Sessions, frames};
use crate::auth::{Identity, Refusal, Token};
use crate::hub::{Appearance, Seat, Since, Unavailable};

/// How a client comes in.
pub struct ConnectRequest {
    /// The token, if it came with the request; otherwise it is the first frame.
    pub token: Option<Token>,
    /// The cursor replay_after which the client wants its user's events, if it came with the request.
    pub cursor: Option<String>,
    /// How the client is connected.
    pub transport: Transport,
}

/// Who was accepted, where they join_user_channel, and where they have to begin reading.
pub(super) struct Accepted {
    pub(super) identity: Identity,
    pub(super) membership: Seat,
    /// In a box: only client came with a cursor has one.
    pub(super) replay_after: Option<Box<Cursor>>,
    /// The log reaches back to there.
    pub(super) recovered: bool,
}

/// Why nobody was accepted.
pub(super) enum AcceptError {
    /// The client went away by itself.
    Disconnected,
    /// It is told this.
    Rejected(Refusal),
}

impl From<Refusal> for AcceptError {
    fn from(refusal: Refusal) -> Self {
        Self::Rejected(refusal)
    }
}

/// Admits a client and welcomes it.
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
        let refusal = rejection(Fault::TooMany, "this node has as many connections as it takes");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    let mut membership = shared.hub.enter(&identity.channel, identity.device.as_ref(), peer.wire());
    // Whoever sits from now on has not heard the order to leave.
    if shared.life.drain.is_cancelled() {
        let refusal = rejection(Fault::Draining, "this node is being stopped; connect again, to another one");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    let wanted = request.cursor.map(|text| text.parse::<Cursor>());
    let unavailable = |_: Unavailable| {
        rejection(Fault::Unavailable, "the bus cannot be reached; come back").of(Some(identity.channel.clone()))
    };
    let (begin, joined) = flush_early(peer, async {
        let begin = join_user_channel(&mut membership, &identity, wanted.and_then(Result::ok)).await?;
        Ok((begin, membership.appear(request.transport, JOIN_TIMEOUT).await?))
    })
    .await
    .map_err(unavailable)?;
    if joined == Appearance::Refused {
        let refusal = rejection(Fault::TooManySessions, "this user has as many sessions as may be");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    // Whoever sits from now on is told of what is revoked, and has not heard what was revoked before.
    shared.verifier.check(&identity)?;
    let (replay_after, recovered) = begin.map_or((None, wanted.is_none()), |(cursor, whole)| (Some(cursor), whole));
    let since = replay_after.or_else(|| membership.since(&identity.channel)).unwrap_or_default();
    let welcome = frames::welcome(membership.id(), &identity, &shared.limits, (since, recovered));
    let written = async {
        peer.feed(welcome).await?;
        if let Some(Err(error)) = wanted {
            peer.feed(frames::error(Fault::BadCursor, &format!("`cursor`: {error}"), None)).await?;
        }
        if !recovered {
            peer.feed(ServerFrame::Gap { channel: &identity.channel }.encode()).await?;
        }
        peer.flush().await
    };
    written.await.map_err(|_| AcceptError::Disconnected)?;
    Ok(Accepted { identity, membership, replay_after: replay_after.map(Box::new), recovered })
}

/// What a connection begins with goes out with the welcome, in one piece. If that takes a while, it goes out alone: the
/// client's own patience for an flush_early connection is not what it is to run into.
async fn flush_early<P: Peer, T>(peer: &mut P, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = timeout(EARLY_FLUSH_DELAY, work.as_mut()).await {
        return done;
    }
    // If it is gone, the welcome will find out.
    let _ = peer.flush().await;
    work.await
}

/// Listens for the user's channel. With a cursor, answers where to begin reading, and whether nothing is missing then.
async fn join_user_channel(
    membership: &mut Seat,
    identity: &Identity,
    cursor: Option<Cursor>,
) -> Result<Option<(Cursor, bool)>, Unavailable> {
    let since = cursor.map_or(Since::Now, Since::Cursor);
    membership.join(&identity.channel, since, JOIN_TIMEOUT).await?;
    match cursor {
        Some(cursor) => membership.begin(&identity.channel, cursor).await.map(Some),
        None => Ok(None),
    }
}

/// Tells the client why it was not accepted, and closes.
pub(super) async fn reject<P: Peer>(peer: &mut P, refusal: Refusal) {
    let _ = peer.feed(frames::error(refusal.fault, &refusal.message, None)).await;
    if refusal.fault == Fault::Unavailable {
        let after = 1.0 + 9.0 * fastrand::f64();
        let _ = peer.feed(ServerFrame::Reconnect { after, reason: "unavailable" }.encode()).await;
    }
    let code = close_code(refusal.fault);
    peer.close(code, reason(code)).await;
}

/// The token as the first frame, within the time for it.
async fn first_token<P: Peer>(shared: &Sessions, peer: &mut P) -> Result<Token, AcceptError> {
    let patience = shared.limits.auth_timeout;
    match timeout(patience, token_frame(peer)).await {
        Ok(token) => token,
        Err(_) => Err(rejection(Fault::AuthTimeout, "no token came within the time to authenticate").into()),
    }
}

async fn token_frame<P: Peer>(peer: &mut P) -> Result<Token, AcceptError> {
    loop {
        match peer.receive().await {
            Incoming::Text(text) => {
                return match P::parse(&text) {
                    Ok(ClientFrame::Auth { token, .. }) => Ok(Token::new(token)),
                    Ok(_) => {
                        Err(rejection(Fault::TokenMissing, "the first frame must be `wirebell.auth` with a token")
                            .into())
                    }
                    Err(error) => Err(Refusal::new(error.fault, error.message).into()),
                };
            }
            Incoming::Alive => {}
            Incoming::Binary => {
                return Err(rejection(Fault::BinaryFrame, "the first frame must be JSON text").into());
            }
            Incoming::TooLarge => {
                return Err(rejection(Fault::FrameTooLarge, "the frame is larger than the limit").into());
            }
            Incoming::InvalidUtf8 | Incoming::ProtocolError => {
                return Err(rejection(Fault::BadRequest, "not as RFC 6455 has it").into());
            }
            Incoming::Closed => return Err(AcceptError::Disconnected),
        }
    }
}

fn rejection(fault: Fault, message: &'static str) -> Refusal {
    Refusal::new(fault, message)
}

fn reason(code: CloseCode) -> &'static str {
    match code {
        CloseCode::AuthTimeout => "no token in time",
        CloseCode::TooMany => "too many connections",
        CloseCode::Internal => "the bus cannot be reached; come back",
        CloseCode::FrameTooLarge => "a frame was larger than the limit",
        CloseCode::Protocol => "not as RFC 6455 has it",
        CloseCode::Forbidden => "not allowed",
        _ => "the token is missing, bad or expired",
    }
}
