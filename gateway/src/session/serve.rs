//! The event loop of one session. [`super::state`] decides what a frame or a timer means; this file
//! carries it out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, CloseCode, Cursor, ErrorCode};

use super::accept::Accepted;
use super::acks::Acks;
use super::catchup::{CatchUp, PendingLog};
use super::close_reason::CloseReason;
use super::peer::{Incoming, Peer};
use super::rate_limiter::RateLimiter;
use super::state::{Action, State};
use super::{Sessions, frames};
use crate::auth::Token;
use crate::hub::{ChannelLog, Next, SessionCommand};
use crate::lifecycle::{instant_at, millis, uptime_millis, wall_clock};

/// One accepted client and its session's state.
pub(super) struct Session<P> {
    pub(super) shared: Arc<Sessions>,
    pub(super) peer: P,
    pub(super) client: Accepted,
    pub(super) catchup: CatchUp,
    pub(super) acks: Acks,
    pub(super) state: State,
    pub(super) rate_limiter: RateLimiter,
}

/// Result of one step of the loop; an error ends the session.
pub(super) type Step = Result<(), CloseReason>;

enum Event<T> {
    Incoming(Incoming<T>),
    Next(Next),
    CatchUp,
    Timer,
}

impl<P: Peer> Session<P> {
    pub(super) fn new(shared: Arc<Sessions>, peer: P, client: Accepted) -> Self {
        let left = token_millis_left(client.identity.expires, shared.limits.leeway);
        let (mut catchup, mut acks) = (CatchUp::default(), Acks::default());
        if let Some(after) = client.replay_after.as_deref().copied() {
            acks.resumed(&client.identity.channel, after);
            catchup.push(
                PendingLog::to_end(ChannelLog::durable(&client.identity.channel), after)
                    .recovered(client.recovered),
            );
        }
        for channel in [&client.identity.channel, &Channel::all()] {
            if client.membership.must_read_retained(channel) {
                catchup.push(PendingLog::to_end(ChannelLog::retained(channel), Cursor::START));
            }
        }
        let state = State::new(uptime_millis(), left, millis(shared.limits.expiring_notice));
        Self { shared, peer, client, catchup, acks, state, rate_limiter: RateLimiter::default() }
    }

    /// Serves the client until either side closes.
    pub(super) async fn serve(&mut self) -> CloseReason {
        let mut wake_at = self.state.wake_at();
        let mut timer = pin!(sleep_until(Instant::from_std(instant_at(wake_at))));
        loop {
            let event = tokio::select! {
                incoming = self.peer.receive() => Event::Incoming(incoming),
                next = self.client.membership.next() => Event::Next(next),
                () = self.catchup.ready() => Event::CatchUp,
                () = &mut timer => Event::Timer,
            };
            self.client.membership.mark_busy(matches!(event, Event::Incoming(_)));
            // Boxed, so that the state of a step does not enlarge every idle session.
            if !matches!(event, Event::Incoming(Incoming::Alive))
                && let Err(close_reason) = Box::pin(self.step(event)).await
            {
                self.log_closed(close_reason);
                return close_reason;
            }
            if self.state.wake_at() != wake_at || timer.is_elapsed() {
                wake_at = self.state.wake_at();
                timer.as_mut().reset(Instant::from_std(instant_at(wake_at)));
            }
        }
    }

    async fn step(&mut self, event: Event<P::Text>) -> Step {
        match event {
            Event::Incoming(incoming) => self.incoming(incoming).await,
            Event::Next(next) => self.outgoing(next).await,
            Event::CatchUp => self.catch_up().await,
            Event::Timer => {
                let action = self.state.tick(uptime_millis());
                self.act(action).await
            }
        }
    }

    /// Handles what arrived from the client.
    async fn incoming(&mut self, incoming: Incoming<P::Text>) -> Step {
        let action = match incoming {
            Incoming::Text(text) => {
                let frame = P::parse(&text);
                self.shared.meters.frame(&frame);
                self.state.frame(frame)
            }
            Incoming::Binary => self.state.binary(),
            Incoming::Alive => Action::Nothing,
            Incoming::TooLarge => return Err(CloseReason::FrameTooLarge),
            Incoming::InvalidUtf8 => return Err(CloseReason::InvalidUtf8),
            Incoming::ProtocolError => return Err(CloseReason::ProtocolError),
            Incoming::Closed => return Err(CloseReason::Client),
        };
        self.act(action).await
    }

    /// Handles what the send buffer holds: frames, logs to read, a ping or a command.
    async fn outgoing(&mut self, next: Next) -> Step {
        match next {
            Next::Frames(frames) => self.deliver(frames).await,
            Next::CatchUp(logs) => {
                for (log, after) in logs {
                    self.log_slow(&log, after);
                    self.catchup.push(PendingLog::to_end(log, after));
                }
                Ok(())
            }
            Next::Ping => self.ping().await,
            Next::Command(SessionCommand::TimedOut) => Err(CloseReason::HeartbeatTimeout),
            Next::Command(SessionCommand::CheckToken) => self.check_token().await,
            Next::Command(SessionCommand::Reconnect { after }) => {
                self.check_token().await?;
                self.state.close_within(uptime_millis(), after);
                let after = Duration::from_millis(after).as_secs_f64();
                self.write(ServerFrame::Reconnect { after, reason: "drain" }.encode()).await
            }
            Next::Command(SessionCommand::Replaced) => {
                self.write_final_error(ErrorCode::Replaced, "replaced by another connection of this user").await;
                Err(CloseReason::Replaced)
            }
            Next::Command(SessionCommand::Disconnect { reason }) => {
                let reason =
                    reason.as_ref().map_or("a service disconnected this session", |reason| reason.as_str());
                self.write_final_error(ErrorCode::Disconnected, reason).await;
                Err(CloseReason::DisconnectedByService)
            }
            Next::Command(SessionCommand::Stop) => Err(CloseReason::Shutdown),
        }
    }

    /// Performs the action that the session's state decided on.
    async fn act(&mut self, action: Action) -> Step {
        match action {
            Action::Nothing => Ok(()),
            Action::Close(close_reason) => Err(close_reason),
            Action::Pong { reference } => {
                self.write(ServerFrame::Pong { r#ref: reference.as_deref() }.encode()).await
            }
            Action::SendError(error) => {
                self.write(frames::error(error.code, &error.message, error.reference.as_deref())).await
            }
            Action::NotifyExpiring => {
                self.write(ServerFrame::Expiring { expires: self.client.identity.expires }.encode()).await
            }
            Action::Acknowledge { channel, cursor, reference } => {
                self.acknowledge(&channel, cursor, reference.as_deref()).await
            }
            Action::Emit(emission) => self.emit(&emission).await,
            Action::Renew { token, reference } => self.renew(Token::new(token), reference.as_deref()).await,
            Action::Subscribe { channel, cursor, reference } => {
                self.subscribe(&channel, cursor, reference.as_deref()).await
            }
            Action::Resume { cursors, reference } => self.resume(cursors, reference.as_deref()).await,
            Action::Unsubscribe { channel, reference } => {
                if channel == self.client.identity.channel || !self.unsubscribe(&channel) {
                    let message = "this connection is not subscribed to the channel";
                    return self.write(frames::error(ErrorCode::BadChannel, message, reference.as_deref())).await;
                }
                self.write(frames::unsubscribed(&channel, reference.as_deref())).await
            }
        }
    }

    /// Ends the session if its token was revoked.
    async fn check_token(&mut self) -> Step {
        let Err(rejection) = self.shared.verifier.check(&self.client.identity) else { return Ok(()) };
        self.write_final_error(rejection.code, &rejection.message).await;
        Err(CloseReason::TokenRevoked)
    }

    /// Sends the error that ends the session. The session ends even if the write fails.
    async fn write_final_error(&mut self, code: ErrorCode, message: &str) {
        let _ = self.write(frames::error(code, message, None)).await;
    }

    /// Closes the client's connection.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &'static str) {
        self.peer.close(code, reason).await;
    }
}

/// Returns how long a token is still valid. The wall clock is read once for each token; the
/// process' own clock counts from then on. A token accepted after its expiry, within the tolerance
/// for clock differences, lives for the rest of that tolerance.
pub(super) fn token_millis_left(expires: u64, leeway: Duration) -> u64 {
    let now = millis(wall_clock());
    let expires = expires.saturating_mul(1000);
    let end = if expires > now { expires } else { expires.saturating_add(millis(leeway)) };
    end.saturating_sub(now)
}
