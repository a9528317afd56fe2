//! Resuming: what a client missed on the channels that it names, if their logs still have it.

use wirebell_protocol::tracking::What;
use wirebell_protocol::{Channel, Cursor, Fault};

use super::answer;
use super::catchup::Lag;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::{Line, Watched};

impl<P: Peer> Session<P> {
    /// `wirebell.resume`: reads each log from the cursor to where the session has been getting events by itself.
    pub(super) async fn resume(&mut self, cursors: Vec<(Channel, Cursor)>, reference: Option<&str>) -> Step {
        let mut recovered = Vec::with_capacity(cursors.len());
        for (channel, cursor) in cursors {
            let Some(since) = self.who.seat.since(&channel) else {
                let message =
                    format!("this connection does not listen for {channel}; subscribe with a cursor instead");
                self.write(answer::error(Fault::BadChannel, &message, reference)).await?;
                continue;
            };
            if self.catchup.reads(&channel) {
                let message = format!("what was missed on {channel} is being sent already");
                self.write(answer::error(Fault::TooMany, &message, reference)).await?;
                continue;
            }
            match self.who.seat.reaches_back(&channel, cursor).await {
                Ok(reaches_back) => {
                    recovered.push((channel.clone(), reaches_back));
                    if !reaches_back {
                        self.gap(&channel, cursor, None).await?;
                    }
                    self.acks.resumed(&channel, cursor);
                    if cursor < since {
                        self.catchup.push(Lag::between(&channel, cursor, since).whole(reaches_back));
                    }
                }
                Err(error) => {
                    self.write(answer::error(Fault::Unavailable, &error.to_string(), reference)).await?;
                }
            }
        }
        self.write(answer::recovered(&recovered, reference)).await
    }

    /// Answers a subscription that begins at a cursor, and begins it.
    pub(super) async fn subscribed_from(
        &mut self,
        channel: &Channel,
        cursor: Cursor,
        reference: Option<&str>,
    ) -> Step {
        // Without an answer the log is read as soon as it can be; whether it reaches back cannot be promised.
        let (after, recovered) = self.who.seat.begin(channel, cursor).await.unwrap_or((cursor, false));
        self.acks.resumed(channel, cursor);
        self.write(answer::subscribed(channel, after, Some(recovered), reference)).await?;
        if !recovered {
            self.gap(channel, cursor, None).await?;
        }
        self.catchup.push(Lag::to_the_end(Line::log(channel), after).whole(recovered));
        Ok(())
    }

    /// Reads the next piece of a log that this session is behind on, and writes it at the client's speed.
    pub(super) async fn catch_up(&mut self) -> Step {
        let Some(mut lag) = self.catchup.take() else { return Ok(()) };
        let events = match self.who.seat.read(&lag.line, lag.after, PIECE).await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(%error, channel = %lag.line.channel, "not read yet");
                self.catchup.refused(lag);
                return Ok(());
            }
        };
        let (read, complete) = (events.len(), events.len() < PIECE);
        for event in events {
            let Some(place) = event.place else { continue };
            if lag.until.is_some_and(|until| place.cursor > until) {
                self.who.seat.has_read(&lag.line);
                return Ok(());
            }
            if place.previous != lag.after && lag.line.is_log() && !lag.told {
                self.gap(&lag.line.channel, lag.after, Some(place.cursor)).await?;
            }
            (lag.after, lag.told) = (place.cursor, false);
            let watched = Watched::of(&event);
            if self.shared.meters.is_worth_delivering(&event) {
                self.write(event.frame).await?;
                self.shared.meters.caught_up(lag.line.lane);
                if let Some(event) = &watched {
                    self.written(event);
                }
            } else if let Some(event) = &watched {
                self.report(event, What::Expired);
            }
        }
        match (complete, lag.until) {
            (true, Some(_)) => {
                self.who.seat.has_read(&lag.line);
                Ok(())
            }
            (true, None) => self.at_the_end(lag, read).await,
            (false, _) => {
                self.catchup.push(lag);
                Ok(())
            }
        }
    }

    /// The log seemed to end. It may have grown meanwhile; or it has lost what was announced, and will never show it.
    async fn at_the_end(&mut self, mut lag: Lag, read: usize) -> Step {
        let Some(newest) = self.who.seat.caught_up(&lag.line, lag.after) else {
            self.caught_up(&lag);
            return Ok(());
        };
        // Announced before the line was read, and not in it: trimmed, expired, or lost with a Redis.
        if read == 0 && lag.expected.is_some_and(|expected| expected > lag.after) {
            if lag.line.is_log() {
                self.gap(&lag.line.channel, lag.after, Some(newest)).await?;
            }
            (lag.after, lag.told) = (newest, true);
        }
        lag.expected = Some(newest);
        self.catchup.push(lag);
        Ok(())
    }
}

/// Events of a log in one piece: the session looks at its client, its timers and its orders in between.
const PIECE: usize = 32;
