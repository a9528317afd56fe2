//! Admission: from an open connection to a seated user, or to a refusal that says why.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{CloseCode, Cursor, Fault, Transport};

use super::goodbye::close_code;
use super::limits::{JOIN_PATIENCE, OPENING_PATIENCE};
use super::peer::{Incoming, Peer};
use super::{Sessions, answer};
use crate::auth::{Identity, Refusal, Token};
use crate::hub::{Appearance, Seat, Since, Unavailable};

/// How a client comes in.
pub struct Entrance {
    /// The token, if it came with the request; otherwise it is the first frame.
    pub token: Option<Token>,
    /// The cursor behind which the client wants its user's events, if it came with the request.
    pub cursor: Option<String>,
    /// How the client is connected.
    pub transport: Transport,
}

/// Who was admitted, where they sit, and where they have to begin reading.
pub(super) struct Admitted {
    pub(super) identity: Identity,
    pub(super) seat: Seat,
    /// In a box: only who came with a cursor has one.
    pub(super) behind: Option<Box<Cursor>>,
    /// The log reaches back to there.
    pub(super) recovered: bool,
}

/// Why nobody was admitted.
pub(super) enum Rejected {
    /// The client went away by itself.
    Gone,
    /// It is told this.
    Refused(Refusal),
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Admits a client and welcomes it.
pub(super) async fn admit<P: Peer>(
    shared: &Arc<Sessions>,
    peer: &mut P,
    entrance: Entrance,
) -> Result<Admitted, Rejected> {
    let token = match entrance.token {
        Some(token) => token,
        None => first_frame(shared, peer).await?,
    };
    let identity = opening(peer, shared.verifier.verify(&token)).await?;
    if shared.hub.sessions() >= shared.limits.connections {
        let refusal = refuse(Fault::TooMany, "this node has as many connections as it takes");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    let mut seat = shared.hub.enter(&identity.channel, identity.device.as_ref(), peer.wire());
    // Whoever sits from now on has not heard the order to leave.
    if shared.life.drain.is_cancelled() {
        let refusal = refuse(Fault::Draining, "this node is being stopped; connect again, to another one");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    let wanted = entrance.cursor.map(|text| text.parse::<Cursor>());
    let unavailable = |_: Unavailable| {
        refuse(Fault::Unavailable, "the bus cannot be reached; come back").of(Some(identity.channel.clone()))
    };
    let (begin, appearance) = opening(peer, async {
        let begin = sit(&mut seat, &identity, wanted.and_then(Result::ok)).await?;
        Ok((begin, seat.appear(entrance.transport, JOIN_PATIENCE).await?))
    })
    .await
    .map_err(unavailable)?;
    if appearance == Appearance::Refused {
        let refusal = refuse(Fault::TooManySessions, "this user has as many sessions as may be");
        return Err(refusal.of(Some(identity.channel)).into());
    }
    // Whoever sits from now on is told of what is revoked, and has not heard what was revoked before.
    shared.verifier.check(&identity)?;
    let (behind, recovered) = begin.map_or((None, wanted.is_none()), |(cursor, whole)| (Some(cursor), whole));
    let since = behind.or_else(|| seat.since(&identity.channel)).unwrap_or_default();
    let welcome = answer::welcome(seat.id(), &identity, &shared.limits, (since, recovered));
    let written = async {
        peer.feed(welcome).await?;
        if let Some(Err(error)) = wanted {
            peer.feed(answer::error(Fault::BadCursor, &format!("`cursor`: {error}"), None)).await?;
        }
        if !recovered {
            peer.feed(ServerFrame::Gap { channel: &identity.channel }.encode()).await?;
        }
        peer.flush().await
    };
    written.await.map_err(|_| Rejected::Gone)?;
    Ok(Admitted { identity, seat, behind: behind.map(Box::new), recovered })
}

/// What a connection begins with goes out with the welcome, in one piece. If that takes a while, it goes out alone: the
/// client's own patience for an opening connection is not what it is to run into.
async fn opening<P: Peer, T>(peer: &mut P, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = timeout(OPENING_PATIENCE, work.as_mut()).await {
        return done;
    }
    // If it is gone, the welcome will find out.
    let _ = peer.flush().await;
    work.await
}

/// Listens for the user's channel. With a cursor, answers where to begin reading, and whether nothing is missing then.
async fn sit(
    seat: &mut Seat,
    identity: &Identity,
    cursor: Option<Cursor>,
) -> Result<Option<(Cursor, bool)>, Unavailable> {
    let since = cursor.map_or(Since::Now, Since::Cursor);
    seat.join(&identity.channel, since, JOIN_PATIENCE).await?;
    match cursor {
        Some(cursor) => seat.begin(&identity.channel, cursor).await.map(Some),
        None => Ok(None),
    }
}

/// Tells the client why it was not admitted, and closes.
pub(super) async fn reject<P: Peer>(peer: &mut P, refusal: Refusal) {
    let _ = peer.feed(answer::error(refusal.fault, &refusal.message, None)).await;
    if refusal.fault == Fault::Unavailable {
        let after = 1.0 + 9.0 * fastrand::f64();
        let _ = peer.feed(ServerFrame::Reconnect { after, reason: "unavailable" }.encode()).await;
    }
    let code = close_code(refusal.fault);
    peer.close(code, reason(code)).await;
}

/// The token as the first frame, within the time for it.
async fn first_frame<P: Peer>(shared: &Sessions, peer: &mut P) -> Result<Token, Rejected> {
    let patience = shared.limits.auth_timeout;
    match timeout(patience, token_frame(peer)).await {
        Ok(token) => token,
        Err(_) => Err(refuse(Fault::AuthTimeout, "no token came within the time to authenticate").into()),
    }
}

async fn token_frame<P: Peer>(peer: &mut P) -> Result<Token, Rejected> {
    loop {
        match peer.receive().await {
            Incoming::Text(text) => {
                return match P::parse(&text) {
                    Ok(ClientFrame::Auth { token, .. }) => Ok(Token::new(token)),
                    Ok(_) => {
                        Err(refuse(Fault::TokenMissing, "the first frame must be `wirebell.auth` with a token")
                            .into())
                    }
                    Err(error) => Err(Refusal::new(error.fault, error.message).into()),
                };
            }
            Incoming::Alive => {}
            Incoming::Binary => return Err(refuse(Fault::BinaryFrame, "the first frame must be JSON text").into()),
            Incoming::TooLarge => {
                return Err(refuse(Fault::FrameTooLarge, "the frame is larger than the limit").into());
            }
            Incoming::NotText | Incoming::Broken => {
                return Err(refuse(Fault::BadRequest, "not as RFC 6455 has it").into());
            }
            Incoming::Gone => return Err(Rejected::Gone),
        }
    }
}

fn refuse(fault: Fault, message: &'static str) -> Refusal {
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
