//! Resuming: replays the events that a client missed on the channels it names, as far as their logs
//! have them.

use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Channel, Cursor, ErrorCode};

use super::catchup::PendingLog;
use super::frames;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::{ChannelLog, Tracked};

impl<P: Peer> Session<P> {
    /// Handles `wirebell.resume`: reads each log from the cursor to the point from which the
    /// session got events live.
    pub(super) async fn resume(&mut self, cursors: Vec<(Channel, Cursor)>, reference: Option<&str>) -> Step {
        let mut recovered = Vec::with_capacity(cursors.len());
        for (channel, cursor) in cursors {
            let Some(since) = self.client.membership.live_after(&channel) else {
                let message =
                    format!("this connection is not subscribed to {channel}; subscribe with a cursor instead");
                self.write(frames::error(ErrorCode::BadChannel, &message, reference)).await?;
                continue;
            };
            if self.catchup.is_resuming(&channel) {
                let message = format!("a resume of {channel} is already in progress; wait until it ends");
                self.write(frames::error(ErrorCode::TooMany, &message, reference)).await?;
                continue;
            }
            match self.client.membership.can_resume_from(&channel, cursor).await {
                Ok(reaches_back) => {
                    recovered.push((channel.clone(), reaches_back));
                    if !reaches_back {
                        self.send_gap(&channel, cursor, None).await?;
                    }
                    self.acks.resumed(&channel, cursor);
                    if cursor < since {
                        self.catchup.push(PendingLog::range(&channel, cursor, since).recovered(reaches_back));
                    }
                }
                Err(error) => {
                    self.write(frames::error(ErrorCode::Unavailable, &error.to_string(), reference)).await?;
                }
            }
        }
        self.write(frames::recovered(&recovered, reference)).await
    }

    /// Replies to a subscription with a cursor, and starts the replay.
    pub(super) async fn subscribe_from(
        &mut self,
        channel: &Channel,
        cursor: Cursor,
        reference: Option<&str>,
    ) -> Step {
        // If the bus fails, the log is read as soon as possible; completeness cannot be promised.
        let (after, recovered) =
            self.client.membership.begin_resume(channel, cursor).await.unwrap_or((cursor, false));
        self.acks.resumed(channel, cursor);
        self.write(frames::subscribed(channel, after, Some(recovered), reference)).await?;
        if !recovered {
            self.send_gap(channel, cursor, None).await?;
        }
        self.catchup.push(PendingLog::to_end(ChannelLog::durable(channel), after).recovered(recovered));
        Ok(())
    }

    /// Reads the next batch of a pending log, and writes it at the client's speed.
    pub(super) async fn catch_up(&mut self) -> Step {
        let Some(mut pending) = self.catchup.take() else { return Ok(()) };
        let events = match self.client.membership.read(&pending.log, pending.after, READ_BATCH).await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(%error, channel = %pending.log.channel, "cannot read the log; retrying");
                self.catchup.retry_later(pending);
                return Ok(());
            }
        };
        let (read, complete) = (events.len(), events.len() < READ_BATCH);
        for event in events {
            let Some(position) = event.position else { continue };
            if pending.until.is_some_and(|until| position.cursor > until) {
                self.client.membership.stop_reading(&pending.log);
                return Ok(());
            }
            if position.previous != pending.after && pending.log.is_durable() && !pending.gap_sent {
                self.send_gap(&pending.log.channel, pending.after, Some(position.cursor)).await?;
            }
            (pending.after, pending.gap_sent) = (position.cursor, false);
            let tracked = Tracked::of(&event);
            if self.shared.meters.is_current(&event) {
                self.write(event.frame).await?;
                self.shared.meters.caught_up(pending.log.kind);
                if let Some(event) = &tracked {
                    self.written(event);
                }
            } else if let Some(event) = &tracked {
                self.report(event, ConnectionState::Expired);
            }
        }
        match (complete, pending.until) {
            (true, Some(_)) => {
                self.client.membership.stop_reading(&pending.log);
                Ok(())
            }
            (true, None) => self.reached_end(pending, read).await,
            (false, _) => {
                self.catchup.push(pending);
                Ok(())
            }
        }
    }

    /// Handles the apparent end of a log. It may have grown meanwhile, or have lost an announced
    /// event for ever.
    async fn reached_end(&mut self, mut pending: PendingLog, read: usize) -> Step {
        let Some(newest) = self.client.membership.caught_up(&pending.log, pending.after) else {
            self.log_caught_up(&pending);
            return Ok(());
        };
        // Announced before the read, and not in the log: trimmed, expired, or lost with a Redis.
        if read == 0 && pending.announced.is_some_and(|announced| announced > pending.after) {
            if pending.log.is_durable() {
                self.send_gap(&pending.log.channel, pending.after, Some(newest)).await?;
            }
            (pending.after, pending.gap_sent) = (newest, true);
        }
        pending.announced = Some(newest);
        self.catchup.push(pending);
        Ok(())
    }
}

/// Events read in one batch. The session serves its client, its timers and its commands between
/// batches.
const READ_BATCH: usize = 32;
