//! What a client asks for: other channels, and to go on with a new token.

use wirebell_protocol::{Channel, Cursor, Fault};

use super::answer;
use super::catchup::Lag;
use super::limits::JOIN_PATIENCE;
use super::peer::Peer;
use super::serve::{Session, Step, millis_left};
use crate::auth::Token;
use crate::hub::{Line, Since};
use crate::lifecycle::{millis, uptime_millis};

impl<P: Peer> Session<P> {
    pub(super) async fn subscribe(
        &mut self,
        channel: &Channel,
        cursor: Option<Cursor>,
        reference: Option<&str>,
    ) -> Step {
        if let Err(refusal) = self.who.identity.may_subscribe(channel) {
            return self.write(answer::error(refusal.fault, &refusal.message, reference)).await;
        }
        // The user's own channel is one of them, and does not count.
        let (has, most) = (self.who.seat.channels(), self.shared.limits.subscriptions);
        let is_new = !has.contains(channel);
        if has.len() > most && is_new {
            let message = format!("this connection has {most} subscriptions, which is as many as one may have");
            return self.write(answer::error(Fault::TooManySubscriptions, &message, reference)).await;
        }
        if let Err(error) =
            self.who.seat.join(channel, cursor.map_or(Since::Now, Since::Cursor), JOIN_PATIENCE).await
        {
            return self.write(answer::error(Fault::Unavailable, &error.to_string(), reference)).await;
        }
        match cursor.filter(|_| is_new) {
            None => {
                let since = self.who.seat.since(channel).unwrap_or_default();
                self.write(answer::subscribed(channel, since, None, reference)).await?;
            }
            Some(cursor) => self.subscribed_from(channel, cursor, reference).await?,
        }
        if is_new && self.who.seat.has_to_read_retained(channel) {
            self.catchup.push(Lag::to_the_end(Line::retained(channel), Cursor::START));
        }
        Ok(())
    }

    /// Listens no longer, and has nothing more of it to read. False if it did not listen.
    pub(super) fn leave(&mut self, channel: &Channel) -> bool {
        self.catchup.forget(channel);
        self.who.seat.has_read(&Line::log(channel));
        self.who.seat.has_read(&Line::retained(channel));
        self.who.seat.leave(channel)
    }

    pub(super) async fn renew(&mut self, token: Token, reference: Option<&str>) -> Step {
        let outcome = |outcome: &str| self.shared.metrics.renewals.with_label_values(&[outcome]).inc();
        let identity = match self.shared.verifier.verify(&token).await {
            Ok(identity) => identity,
            Err(refusal) => {
                outcome("refused");
                return self.write(answer::error(refusal.fault, &refusal.message, reference)).await;
            }
        };
        if identity.channel != self.who.identity.channel {
            outcome("refused");
            let message = "the token is for another user; connect anew to become somebody else";
            return self.write(answer::error(Fault::UserMismatch, message, reference)).await;
        }
        outcome("renewed");
        let left = millis_left(identity.expires, self.shared.limits.leeway);
        self.state.renewed(uptime_millis(), left, millis(self.shared.limits.expiring_notice));
        self.who.identity = identity;
        self.leave_what_is_no_longer_permitted().await?;
        self.write(answer::renewed(self.who.identity.expires, reference)).await
    }

    async fn leave_what_is_no_longer_permitted(&mut self) -> Step {
        let own = self.who.identity.channel.clone();
        let lost: Vec<Channel> =
            self.who.seat.channels().iter().filter(|channel| **channel != own).cloned().collect();
        for channel in lost {
            if self.who.identity.may_subscribe(&channel).is_err() {
                self.leave(&channel);
                let message = format!("the new token does not permit {channel}; it is unsubscribed");
                self.write(answer::error(Fault::NotAllowed, &message, None)).await?;
            }
        }
        Ok(())
    }
}
