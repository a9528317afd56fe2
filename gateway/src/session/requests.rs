//! Requests of a client: subscribe, unsubscribe, renew the token.

use wirebell_protocol::{Channel, Cursor, ErrorCode};

use super::catchup::PendingLog;
use super::frames;
use super::limits::JOIN_TIMEOUT;
use super::peer::Peer;
use super::serve::{Session, Step, token_millis_left};
use crate::auth::Token;
use crate::hub::{ChannelLog, SubscribeFrom};
use crate::lifecycle::{millis, uptime_millis};

impl<P: Peer> Session<P> {
    /// Handles `wirebell.subscribe`: checks permission and limit, subscribes, and resumes from a
    /// cursor.
    pub(super) async fn subscribe(
        &mut self,
        channel: &Channel,
        cursor: Option<Cursor>,
        reference: Option<&str>,
    ) -> Step {
        if let Err(rejection) = self.client.identity.may_subscribe(channel) {
            return self.write(frames::error(rejection.code, &rejection.message, reference)).await;
        }
        // `subscribed` includes the user's own channel, which does not count.
        let (subscribed, max) = (self.client.membership.channels(), self.shared.limits.subscriptions);
        let is_new = !subscribed.contains(channel);
        if subscribed.len() > max && is_new {
            let message =
                format!("this connection has reached its limit of {max} subscriptions; unsubscribe first");
            return self.write(frames::error(ErrorCode::TooManySubscriptions, &message, reference)).await;
        }
        if let Err(error) = self
            .client
            .membership
            .subscribe(channel, cursor.map_or(SubscribeFrom::Now, SubscribeFrom::Cursor), JOIN_TIMEOUT)
            .await
        {
            return self.write(frames::error(ErrorCode::Unavailable, &error.to_string(), reference)).await;
        }
        match cursor.filter(|_| is_new) {
            None => {
                let since = self.client.membership.live_after(channel).unwrap_or_default();
                self.write(frames::subscribed(channel, since, None, reference)).await?;
            }
            Some(cursor) => self.subscribe_from(channel, cursor, reference).await?,
        }
        if is_new && self.client.membership.must_read_retained(channel) {
            self.catchup.push(PendingLog::to_end(ChannelLog::retained(channel), Cursor::START));
        }
        Ok(())
    }

    /// Unsubscribes from the channel, and drops its pending logs. Returns false if it was not
    /// subscribed.
    pub(super) fn unsubscribe(&mut self, channel: &Channel) -> bool {
        self.catchup.remove(channel);
        self.client.membership.stop_reading(&ChannelLog::durable(channel));
        self.client.membership.stop_reading(&ChannelLog::retained(channel));
        self.client.membership.unsubscribe(channel)
    }

    /// Handles `wirebell.auth` on an open connection: replaces the token.
    pub(super) async fn renew(&mut self, token: Token, reference: Option<&str>) -> Step {
        let count = |outcome: &str| self.shared.metrics.renewals.with_label_values(&[outcome]).inc();
        let identity = match self.shared.verifier.verify(&token).await {
            Ok(identity) => identity,
            Err(rejection) => {
                count("refused");
                return self.write(frames::error(rejection.code, &rejection.message, reference)).await;
            }
        };
        if identity.channel != self.client.identity.channel {
            count("refused");
            let message = "the token is for another user; open a new connection for that user";
            return self.write(frames::error(ErrorCode::UserMismatch, message, reference)).await;
        }
        count("renewed");
        let left = token_millis_left(identity.expires, self.shared.limits.leeway);
        self.state.renewed(uptime_millis(), left, millis(self.shared.limits.expiring_notice));
        self.client.identity = identity;
        self.unsubscribe_no_longer_permitted().await?;
        self.write(frames::renewed(self.client.identity.expires, reference)).await
    }

    async fn unsubscribe_no_longer_permitted(&mut self) -> Step {
        let own = self.client.identity.channel.clone();
        let channels: Vec<Channel> =
            self.client.membership.channels().iter().filter(|channel| **channel != own).cloned().collect();
        for channel in channels {
            if self.client.identity.may_subscribe(&channel).is_err() {
                self.unsubscribe(&channel);
                let message = format!("the new token does not permit {channel}; it is unsubscribed");
                self.write(frames::error(ErrorCode::NotAllowed, &message, None)).await?;
            }
        }
        Ok(())
    }
}
