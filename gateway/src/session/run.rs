//! The loop of one session. What a frame or the time means stands in [`super::state`]; here it is done.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};
use wirebell_protocol::frame::client::ClientFrame;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::{Channel, Cursor, Fault};

use super::acks::Acks;
use super::admission::{self, Admitted, Entrance};
use super::catchup::{Catchup, Lag};
use super::goodbye::Goodbye;
use super::limits::JOIN_PATIENCE;
use super::peer::{Gone, Incoming, Peer};
use super::state::{Action, Moment, Periods, State};
use super::{Sessions, answer, history};
use crate::auth::Token;
use crate::hub::{Frame, Line, Next, Order, Since};
use crate::lifecycle::{instant_at, millis, uptime_millis, wall_clock};

/// Runs a client's connection from its admission to its goodbye.
pub async fn run<P: Peer>(shared: Arc<Sessions>, mut peer: P, entrance: Entrance) {
    // What admission needs is not kept: an idle session is as small as it can be.
    let transport = entrance.transport;
    let admitted = match Box::pin(admission::admit(&shared, &mut peer, entrance)).await {
        Ok(admitted) => admitted,
        Err(rejected) => {
            history::refused(&shared, &rejected);
            return Box::pin(admission::reject(&shared, &mut peer, rejected)).await;
        }
    };
    let open = shared.metrics.sessions.with_label_values(&[transport]);
    shared.metrics.admissions.with_label_values(&[transport]).inc();
    open.inc();
    let session = Session::new(&shared, admitted);
    session.opened(transport);
    let goodbye = session.serve(&mut peer).await;
    open.dec();
    shared.metrics.goodbyes.with_label_values(&[goodbye.label()]).inc();
    if let Some((code, reason)) = goodbye.close() {
        Box::pin(peer.close(code, reason)).await;
    }
}

pub(super) struct Session<'a> {
    pub(super) shared: &'a Sessions,
    pub(super) who: Admitted,
    pub(super) catchup: Catchup,
    pub(super) acks: Acks,
    state: State,
}

/// Bytes that are written before the client must have taken some.
const WRITE_BYTES: usize = 16 * 1024;

/// What a step of the loop comes to.
pub(super) type Step = Result<(), Goodbye>;

enum Event<T> {
    Incoming(Incoming<T>),
    Next(Next),
    CatchUp,
    Due,
}

impl<'a> Session<'a> {
    fn new(shared: &'a Sessions, who: Admitted) -> Self {
        let left = millis_left(who.identity.expires, shared.limits.leeway);
        let (mut catchup, mut acks) = (Catchup::default(), Acks::default());
        if let Some(after) = who.behind {
            acks.resumed(&who.identity.channel, after);
            catchup.push(Lag::to_the_end(Line::log(&who.identity.channel), after).whole(who.recovered));
        }
        for channel in [&who.identity.channel, &Channel::all()] {
            if who.seat.has_to_read_retained(channel) {
                catchup.push(Lag::to_the_end(Line::retained(channel), Cursor::START));
            }
        }
        Self { shared, who, catchup, acks, state: State::new(moment(), periods(shared), left) }
    }

    async fn serve<P: Peer>(mut self, peer: &mut P) -> Goodbye {
        let mut due = self.state.due();
        let mut alarm = pin!(sleep_until(Instant::from_std(instant_at(due))));
        loop {
            let event = tokio::select! {
                incoming = peer.receive() => Event::Incoming(incoming),
                next = self.who.seat.next() => Event::Next(next),
                () = self.catchup.due() => Event::CatchUp,
                () = &mut alarm => Event::Due,
            };
            self.who.seat.stir();
            let step = match event {
                Event::Incoming(incoming) => self.incoming(peer, incoming).await,
                Event::Next(next) => self.outgoing(peer, next).await,
                Event::CatchUp => Box::pin(self.catch_up(peer)).await,
                Event::Due => {
                    let action = self.state.tick(moment(), periods(self.shared));
                    self.act(peer, action).await
                }
            };
            if let Err(goodbye) = step {
                self.closed(goodbye);
                return goodbye;
            }
            if self.state.due() != due || alarm.is_elapsed() {
                due = self.state.due();
                alarm.as_mut().reset(Instant::from_std(instant_at(due)));
            }
        }
    }

    async fn incoming<P: Peer>(&mut self, peer: &mut P, incoming: Incoming<P::Text>) -> Step {
        let action = match incoming {
            Incoming::Text(text) => {
                let frame = ClientFrame::parse(&text);
                self.shared.meters.frame(&frame);
                self.state.frame(frame)
            }
            Incoming::Binary => self.state.binary(),
            Incoming::Alive => {
                self.state.heard();
                return Ok(());
            }
            Incoming::TooLarge => return Err(Goodbye::TooLarge),
            Incoming::NotText => return Err(Goodbye::NotText),
            Incoming::Broken => return Err(Goodbye::Protocol),
            Incoming::Gone => return Err(Goodbye::Client),
        };
        self.act(peer, action).await
    }

    async fn outgoing<P: Peer>(&mut self, peer: &mut P, next: Next) -> Step {
        match next {
            Next::Frames(frames) => self.deliver(peer, frames).await,
            Next::Behind(lines) => {
                for (line, after) in lines {
                    self.slow(&line, after);
                    self.catchup.push(Lag::to_the_end(line, after));
                }
                Ok(())
            }
            Next::Order(Order::Leave { after }) => {
                self.state.leave(uptime_millis(), after);
                let after = Duration::from_millis(after).as_secs_f64();
                self.write(peer, ServerFrame::Reconnect { after, reason: "drain" }.encode()).await
            }
            Next::Order(Order::Stop) => Err(Goodbye::Stop),
        }
    }

    /// Writes one frame.
    pub(super) async fn write<P: Peer>(&self, peer: &mut P, frame: Bytes) -> Step {
        let writing = async {
            peer.feed(frame).await?;
            peer.flush().await
        };
        in_time(self.shared, writing).await
    }

    /// Writes what waited, in pieces: a slow client has its time for each, and not for all of it together.
    async fn deliver<P: Peer>(&mut self, peer: &mut P, mut frames: VecDeque<Frame>) -> Step {
        if frames.is_empty() {
            return in_time(self.shared, peer.flush()).await;
        }
        while !frames.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            let writing = async {
                for frame in &frames {
                    if bytes >= WRITE_BYTES {
                        break;
                    }
                    bytes += frame.bytes.len();
                    count += 1;
                    peer.feed(frame.bytes.clone()).await?;
                }
                peer.flush().await
            };
            in_time(self.shared, writing).await?;
            self.shared.hub.meters().written(frames.range(..count));
            for frame in frames.drain(..count) {
                if let Some(event) = &frame.watched {
                    self.written(event);
                }
            }
        }
        Ok(())
    }

    async fn act<P: Peer>(&mut self, peer: &mut P, action: Action) -> Step {
        match action {
            Action::Nothing => Ok(()),
            Action::Ping => in_time(self.shared, peer.ping()).await,
            Action::Close(goodbye) => Err(goodbye),
            Action::Pong { reference } => {
                self.write(peer, ServerFrame::Pong { r#ref: reference.as_deref() }.encode()).await
            }
            Action::Refuse(error) => {
                self.write(peer, answer::error(error.fault, &error.message, error.reference.as_deref())).await
            }
            Action::Expiring => {
                self.write(peer, ServerFrame::Expiring { expires: self.who.identity.expires }.encode()).await
            }
            Action::Acknowledge { channel, cursor, reference } => {
                self.acknowledge(peer, &channel, cursor, reference.as_deref()).await
            }
            // These are rare and large: on the heap, they do not make every idle session larger.
            Action::Renew { token, reference } => {
                Box::pin(self.renew(peer, Token::new(token), reference.as_deref())).await
            }
            Action::Subscribe { channel, cursor, reference } => {
                Box::pin(self.subscribe(peer, &channel, cursor, reference.as_deref())).await
            }
            Action::Resume { cursors, reference } => {
                Box::pin(self.resume(peer, cursors, reference.as_deref())).await
            }
            Action::Unsubscribe { channel, reference } => {
                if channel == self.who.identity.channel || !self.leave(&channel) {
                    let message = "this connection is not subscribed to it";
                    return self.write(peer, answer::error(Fault::BadChannel, message, reference.as_deref())).await;
                }
                self.write(peer, answer::about_channel(&channel, reference.as_deref())).await
            }
        }
    }

    async fn subscribe<P: Peer>(
        &mut self,
        peer: &mut P,
        channel: &Channel,
        cursor: Option<Cursor>,
        reference: Option<&str>,
    ) -> Step {
        if let Err(refusal) = self.who.identity.may_subscribe(channel) {
            return self.write(peer, answer::error(refusal.fault, &refusal.message, reference)).await;
        }
        // The user's own channel is one of them, and does not count.
        let (has, most) = (self.who.seat.channels(), self.shared.limits.subscriptions);
        let is_new = !has.contains(channel);
        if has.len() > most && is_new {
            let message = format!("this connection has {most} subscriptions, which is as many as one may have");
            return self.write(peer, answer::error(Fault::TooManySubscriptions, &message, reference)).await;
        }
        if let Err(error) =
            self.who.seat.join(channel, cursor.map_or(Since::Now, Since::Cursor), JOIN_PATIENCE).await
        {
            return self.write(peer, answer::error(Fault::Unavailable, &error.to_string(), reference)).await;
        }
        match cursor.filter(|_| is_new) {
            None => self.write(peer, answer::about_channel(channel, reference)).await?,
            Some(cursor) => self.subscribed_from(peer, channel, cursor, reference).await?,
        }
        if is_new && self.who.seat.has_to_read_retained(channel) {
            self.catchup.push(Lag::to_the_end(Line::retained(channel), Cursor::START));
        }
        Ok(())
    }

    /// Listens no longer, and has nothing more of it to read. False if it did not listen.
    fn leave(&mut self, channel: &Channel) -> bool {
        self.catchup.forget(channel);
        self.who.seat.has_read(&Line::log(channel));
        self.who.seat.has_read(&Line::retained(channel));
        self.who.seat.leave(channel)
    }

    async fn renew<P: Peer>(&mut self, peer: &mut P, token: Token, reference: Option<&str>) -> Step {
        let outcome = |outcome: &str| self.shared.metrics.renewals.with_label_values(&[outcome]).inc();
        let identity = match self.shared.verifier.verify(&token).await {
            Ok(identity) => identity,
            Err(refusal) => {
                outcome("refused");
                return self.write(peer, answer::error(refusal.fault, &refusal.message, reference)).await;
            }
        };
        if identity.user != self.who.identity.user {
            outcome("refused");
            let message = "the token is for another user; connect anew to become somebody else";
            return self.write(peer, answer::error(Fault::UserMismatch, message, reference)).await;
        }
        outcome("renewed");
        let left = millis_left(identity.expires, self.shared.limits.leeway);
        self.state.renewed(uptime_millis(), left, periods(self.shared));
        self.who.identity = identity;
        self.leave_what_is_no_longer_permitted(peer).await?;
        self.write(peer, answer::renewed(self.who.identity.expires, reference)).await
    }

    async fn leave_what_is_no_longer_permitted<P: Peer>(&mut self, peer: &mut P) -> Step {
        let own = self.who.identity.channel.clone();
        let lost: Vec<Channel> =
            self.who.seat.channels().iter().filter(|channel| **channel != own).cloned().collect();
        for channel in lost {
            if self.who.identity.may_subscribe(&channel).is_err() {
                self.leave(&channel);
                let message = format!("the new token does not permit {channel}; it is unsubscribed");
                self.write(peer, answer::error(Fault::NotAllowed, &message, None)).await?;
            }
        }
        Ok(())
    }
}

/// A write of which nothing is taken in time ends the session.
async fn in_time(shared: &Sessions, writing: impl Future<Output = Result<(), Gone>>) -> Step {
    match timeout(shared.limits.write_timeout, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Gone)) => Err(Goodbye::Client),
        Err(_) => Err(Goodbye::Stalled),
    }
}

fn moment() -> Moment {
    Moment { now: uptime_millis(), chance: fastrand::f64() }
}

fn periods(shared: &Sessions) -> Periods {
    Periods { heartbeat: millis(shared.limits.heartbeat), expiring_notice: millis(shared.limits.expiring_notice) }
}

/// How long a token lives yet. The wall clock is asked once a token; from then on the process' own clock counts. A
/// token that was let in after its expiry, since clocks differ, lives for what is left of that tolerance.
fn millis_left(expires: u64, leeway: Duration) -> u64 {
    let now = millis(wall_clock());
    let expires = expires.saturating_mul(1000);
    let end = if expires > now { expires } else { expires.saturating_add(millis(leeway)) };
    end.saturating_sub(now)
}
