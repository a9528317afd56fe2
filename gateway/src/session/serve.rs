//! The loop of one session. What a frame or the time means stands in [`super::state`]; here it is done.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, CloseCode, Cursor, Fault};

use super::acks::Acks;
use super::admission::Admitted;
use super::catchup::{Catchup, Lag};
use super::goodbye::Goodbye;
use super::pace::Pace;
use super::peer::{Incoming, Peer};
use super::state::{Action, State};
use super::{Sessions, answer};
use crate::auth::Token;
use crate::hub::{Line, Next, Order};
use crate::lifecycle::{instant_at, millis, uptime_millis, wall_clock};

/// One admitted client.
pub(super) struct Session<P> {
    pub(super) shared: Arc<Sessions>,
    pub(super) peer: P,
    pub(super) who: Admitted,
    pub(super) catchup: Catchup,
    pub(super) acks: Acks,
    pub(super) state: State,
    pub(super) pace: Pace,
}

/// What a step of the loop comes to.
pub(super) type Step = Result<(), Goodbye>;

enum Event<T> {
    Incoming(Incoming<T>),
    Next(Next),
    CatchUp,
    Due,
}

impl<P: Peer> Session<P> {
    pub(super) fn new(shared: Arc<Sessions>, peer: P, who: Admitted) -> Self {
        let left = millis_left(who.identity.expires, shared.limits.leeway);
        let (mut catchup, mut acks) = (Catchup::default(), Acks::default());
        if let Some(after) = who.behind.as_deref().copied() {
            acks.resumed(&who.identity.channel, after);
            catchup.push(Lag::to_the_end(Line::log(&who.identity.channel), after).whole(who.recovered));
        }
        for channel in [&who.identity.channel, &Channel::all()] {
            if who.seat.has_to_read_retained(channel) {
                catchup.push(Lag::to_the_end(Line::retained(channel), Cursor::START));
            }
        }
        let state = State::new(uptime_millis(), left, millis(shared.limits.expiring_notice));
        Self { shared, peer, who, catchup, acks, state, pace: Pace::default() }
    }

    /// Serves the client until one of the two says goodbye.
    pub(super) async fn serve(&mut self) -> Goodbye {
        let mut due = self.state.due();
        let mut alarm = pin!(sleep_until(Instant::from_std(instant_at(due))));
        loop {
            let event = tokio::select! {
                incoming = self.peer.receive() => Event::Incoming(incoming),
                next = self.who.seat.next() => Event::Next(next),
                () = self.catchup.due() => Event::CatchUp,
                () = &mut alarm => Event::Due,
            };
            self.who.seat.stir(matches!(event, Event::Incoming(_)));
            // On the heap, what a step needs does not make every session larger that has nothing to do.
            if !matches!(event, Event::Incoming(Incoming::Alive))
                && let Err(goodbye) = Box::pin(self.step(event)).await
            {
                self.closed(goodbye);
                return goodbye;
            }
            if self.state.due() != due || alarm.is_elapsed() {
                due = self.state.due();
                alarm.as_mut().reset(Instant::from_std(instant_at(due)));
            }
        }
    }

    async fn step(&mut self, event: Event<P::Text>) -> Step {
        match event {
            Event::Incoming(incoming) => self.incoming(incoming).await,
            Event::Next(next) => self.outgoing(next).await,
            Event::CatchUp => self.catch_up().await,
            Event::Due => {
                let action = self.state.tick(uptime_millis());
                self.act(action).await
            }
        }
    }

    async fn incoming(&mut self, incoming: Incoming<P::Text>) -> Step {
        let action = match incoming {
            Incoming::Text(text) => {
                let frame = P::parse(&text);
                self.shared.meters.frame(&frame);
                self.state.frame(frame)
            }
            Incoming::Binary => self.state.binary(),
            Incoming::Alive => Action::Nothing,
            Incoming::TooLarge => return Err(Goodbye::TooLarge),
            Incoming::NotText => return Err(Goodbye::NotText),
            Incoming::Broken => return Err(Goodbye::Protocol),
            Incoming::Gone => return Err(Goodbye::Client),
        };
        self.act(action).await
    }

    async fn outgoing(&mut self, next: Next) -> Step {
        match next {
            Next::Frames(frames) => self.deliver(frames).await,
            Next::Behind(lines) => {
                for (line, after) in lines {
                    self.slow(&line, after);
                    self.catchup.push(Lag::to_the_end(line, after));
                }
                Ok(())
            }
            Next::Ping => self.ping().await,
            Next::Order(Order::Dead) => Err(Goodbye::Dead),
            Next::Order(Order::Check) => self.check_token().await,
            Next::Order(Order::Leave { after }) => {
                self.check_token().await?;
                self.state.leave(uptime_millis(), after);
                let after = Duration::from_millis(after).as_secs_f64();
                self.write(ServerFrame::Reconnect { after, reason: "drain" }.encode()).await
            }
            Next::Order(Order::Replaced) => {
                self.last_word(Fault::Replaced, "another connection of this user took this one's place").await;
                Err(Goodbye::Replaced)
            }
            Next::Order(Order::Disconnected { reason }) => {
                let reason = reason.as_ref().map_or("a service has ended this session", |reason| reason.as_str());
                self.last_word(Fault::Disconnected, reason).await;
                Err(Goodbye::Disconnected)
            }
            Next::Order(Order::Stop) => Err(Goodbye::Stop),
        }
    }

    async fn act(&mut self, action: Action) -> Step {
        match action {
            Action::Nothing => Ok(()),
            Action::Close(goodbye) => Err(goodbye),
            Action::Pong { reference } => {
                self.write(ServerFrame::Pong { r#ref: reference.as_deref() }.encode()).await
            }
            Action::Refuse(error) => {
                self.write(answer::error(error.fault, &error.message, error.reference.as_deref())).await
            }
            Action::Expiring => {
                self.write(ServerFrame::Expiring { expires: self.who.identity.expires }.encode()).await
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
                if channel == self.who.identity.channel || !self.leave(&channel) {
                    let message = "this connection is not subscribed to it";
                    return self.write(answer::error(Fault::BadChannel, message, reference.as_deref())).await;
                }
                self.write(answer::about_channel(&channel, reference.as_deref())).await
            }
        }
    }

    /// Ends if the token was revoked.
    async fn check_token(&mut self) -> Step {
        let Err(refusal) = self.shared.verifier.check(&self.who.identity) else { return Ok(()) };
        self.last_word(refusal.fault, &refusal.message).await;
        Err(Goodbye::Revoked)
    }

    /// Says why the session ends. It ends all the same if that does not get through.
    async fn last_word(&mut self, fault: Fault, message: &str) {
        let _ = self.write(answer::error(fault, message, None)).await;
    }

    /// Closes the client's connection.
    pub(super) async fn farewell(&mut self, code: CloseCode, reason: &'static str) {
        self.peer.close(code, reason).await;
    }
}

/// How long a token lives yet. The wall clock is asked once a token; from then on the process' own clock counts. A
/// token that was let in after its expiry, since clocks differ, lives for what is left of that tolerance.
pub(super) fn millis_left(expires: u64, leeway: Duration) -> u64 {
    let now = millis(wall_clock());
    let expires = expires.saturating_mul(1000);
    let end = if expires > now { expires } else { expires.saturating_add(millis(leeway)) };
    end.saturating_sub(now)
}
