//! Fan-out: from one announcement to the send buffers of the channel's subscribers.

use std::sync::Arc;

use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Announcement, Channel, ConnectionId, Cursor};

use super::Hub;
use super::log_kind::{ChannelLog, LogKind};
use super::send_buffer::{PushResult, SendBuffer};
use super::shared_frame::{DeliveryBatch, SharedFrame};
use crate::lifecycle::uptime_millis;

/// Maximum number of subscribers served at once. The sessions that this wakes run before the next
/// slice: Tokio runs up to 61 of them before it polls the pump again. With larger slices, their
/// work would pile up and delay other channels.
pub(super) const SLICE: usize = 32;
/// Maximum number of frames pushed at once, if several go to the same subscribers.
const FRAMES: usize = 512;

/// Pushes frames to send buffers. It reuses its lists, so a delivery to a few allocates nothing.
#[derive(Default)]
pub(super) struct Fanout {
    recipients: Vec<Arc<SendBuffer>>,
    /// Buffers with frames to send. Later frames for them share the write.
    unsent: Vec<Arc<SendBuffer>>,
    /// Work done since the last [`reset`](Self::reset).
    work_done: usize,
}

impl Fanout {
    /// Delivers the event to all subscribers if there are at most `max`. Otherwise delivers it to
    /// none and returns false. The hub's lock is held only for the look-up.
    pub(super) fn deliver(&mut self, hub: &Hub, event: &Announcement, max: usize) -> bool {
        if !hub.lock().recipients(
            &event.channel,
            (LogKind::of(event.class), event.position),
            max,
            &mut self.recipients,
        ) {
            return false;
        }
        self.work_done += 1;
        if !self.recipients.is_empty() {
            let mut frame = SharedFrame::event(event);
            let span = frame.trace(&event.channel, Some(self.recipients.len()));
            span.in_scope(|| self.push_all(hub, &event.channel, &frame));
        }
        true
    }

    /// Sends a `gap` frame to all subscribers: the log has lost the events after `last`.
    pub(super) fn gap(&mut self, hub: &Hub, event: &Announcement, last: Cursor) {
        hub.lock().recipients(
            &event.channel,
            (LogKind::of(event.class), event.position),
            usize::MAX,
            &mut self.recipients,
        );
        if !self.recipients.is_empty() {
            hub.connection_log.gap(&event.channel, last, event.position.map(|position| position.cursor));
        }
        self.push_all(hub, &event.channel, &SharedFrame::gap(event, last));
    }

    /// Delivers a batch to the next slice of the channel's subscribers. Returns false after the
    /// last.
    pub(super) fn slice(&mut self, hub: &Hub, channel: &Channel, batch: &mut DeliveryBatch) -> bool {
        let max = (FRAMES / batch.items.len().max(1)).clamp(1, SLICE);
        if !hub.lock().advance_window(channel, max) {
            return false;
        }
        for item in &mut batch.items {
            hub.lock().recipients_in_window(
                channel,
                (LogKind::of(item.frame.class), item.frame.position),
                &mut self.recipients,
            );
            item.sessions += self.recipients.len();
            item.span.in_scope(|| self.push_all(hub, channel, &item.frame));
        }
        true
    }

    /// Returns whether frames have to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends the frames.
    pub(super) fn send(&mut self, hub: &Hub) {
        for buffer in self.unsent.drain(..) {
            buffer.send(&hub.meters);
        }
    }

    /// Returns whether enough work is done that other tasks should run.
    pub(super) fn needs_yield(&self) -> bool {
        self.work_done >= SLICE
    }

    /// Starts counting work again.
    pub(super) fn reset(&mut self) {
        self.work_done = 0;
    }

    /// Adds the frame to the send buffers of the collected recipients, and counts the results.
    fn push_all(&mut self, hub: &Hub, channel: &Channel, frame: &SharedFrame) {
        let class = frame.class.as_str();
        let count = |outcome: &str, sessions: usize| {
            hub.metrics.deliveries.with_label_values(&[class, outcome]).inc_by(sessions as u64);
        };
        self.work_done += self.recipients.len();
        if frame.is_expired() {
            for buffer in &self.recipients {
                report(hub, frame, buffer, ConnectionState::Expired);
            }
            count("expired", self.recipients.drain(..).count());
            return;
        }
        for buffer in self.recipients.drain(..) {
            match buffer.push(frame.frame()) {
                PushResult::Queued => {}
                PushResult::Unsent => self.unsent.push(buffer),
                PushResult::Dropped => {
                    hub.metrics.send_buffer_overflows.with_label_values(&[class]).inc();
                    count("dropped", 1);
                    report(hub, frame, &buffer, ConnectionState::Dropped);
                }
                PushResult::Overflowed => fall_behind(hub, channel, frame, &buffer),
                PushResult::Closed => count("gone", 1),
            }
        }
    }
}

/// Reports that a tracked event was not written to a connection.
fn report(hub: &Hub, frame: &SharedFrame, buffer: &SendBuffer, what: ConnectionState) {
    let connection = ConnectionId { node: hub.node, number: buffer.number() };
    if let Some(note) = frame.note(connection, what) {
        hub.reporter.note(note);
    }
}

/// Lets the session read the channel's log at its client's speed. An event that is not stored has
/// no position and is dropped before.
fn fall_behind(hub: &Hub, channel: &Channel, frame: &SharedFrame, buffer: &Arc<SendBuffer>) {
    let Some(position) = frame.position else { return };
    hub.metrics.send_buffer_overflows.with_label_values(&[frame.class.as_str()]).inc();
    let log = ChannelLog { channel: channel.clone(), kind: LogKind::of(frame.class) };
    let mut registry = hub.lock();
    if let Some(state) = registry.state(&log, buffer) {
        state.fall_behind(position.cursor);
        // Lists the session at once: it may be busy with a write for long.
        hub.readers.record(buffer.number(), &log, frame.after, uptime_millis());
    }
    drop(registry);
    buffer.request_catch_up(log, frame.after);
}
