//! From one announcement to the outboxes of everyone who listens for its channel.

use std::sync::Arc;

use wirebell_protocol::tracking::What;
use wirebell_protocol::{Announcement, Channel, ConnectionId, Cursor};

use super::Hub;
use super::line::{Lane, Line};
use super::notice::{Batch, Notice};
use super::outbox::{Offered, Outbox};
use crate::lifecycle::uptime_millis;

/// Listeners that are handed something in one go. What that takes is done before the next slice is handed out: sessions
/// that it wakes run, of which Tokio takes up to 61 before it comes back to the pump, so that more would pile up in front
/// of everybody else.
pub(super) const SLICE: usize = 32;
/// Frames that are handed out in one go, where several wait for the same listeners.
const FRAMES: usize = 512;

/// Hands notices to outboxes. It keeps its list of recipients, so that a delivery to a few allocates nothing.
#[derive(Default)]
pub(super) struct Fanout {
    recipients: Vec<Arc<Outbox>>,
    /// Outboxes with something in them that nobody has sent yet: what comes for them meanwhile shares the call.
    unsent: Vec<Arc<Outbox>>,
    /// How much it has done since it was told to [`rest`](Self::rest).
    done: usize,
}

impl Fanout {
    /// Hands the event to everyone, if they are at most so many; otherwise to nobody, and answers false. The hub's lock
    /// is held only to look them up.
    pub(super) fn deliver(&mut self, hub: &Hub, event: &Announcement, most: usize) -> bool {
        if !hub.lock().recipients(&event.channel, (Lane::of(event.class), event.place), most, &mut self.recipients)
        {
            return false;
        }
        self.done += 1;
        if !self.recipients.is_empty() {
            let mut notice = Notice::event(event);
            let span = notice.trace(&event.channel, Some(self.recipients.len()));
            span.in_scope(|| self.offer(hub, &event.channel, &notice));
        }
        true
    }

    /// Tells everyone that the log has lost what came between `last` and the event.
    pub(super) fn gap(&mut self, hub: &Hub, event: &Announcement, last: Cursor) {
        hub.lock().recipients(
            &event.channel,
            (Lane::of(event.class), event.place),
            usize::MAX,
            &mut self.recipients,
        );
        if !self.recipients.is_empty() {
            hub.history.gap(&event.channel, last, event.place.map(|place| place.cursor));
        }
        self.offer(hub, &event.channel, &Notice::gap(event, last));
    }

    /// Hands a batch to the next slice of the channel's listeners. False if there are none left.
    pub(super) fn slice(&mut self, hub: &Hub, channel: &Channel, batch: &mut Batch) -> bool {
        let most = (FRAMES / batch.sent.len().max(1)).clamp(1, SLICE);
        if !hub.lock().slide(channel, most) {
            return false;
        }
        for sent in &mut batch.sent {
            hub.lock().in_turn(channel, (Lane::of(sent.notice.class), sent.notice.place), &mut self.recipients);
            sent.sessions += self.recipients.len();
            sent.span.in_scope(|| self.offer(hub, channel, &sent.notice));
        }
        true
    }

    /// Does anything wait to be sent?
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends what waits.
    pub(super) fn send(&mut self, hub: &Hub) {
        for outbox in self.unsent.drain(..) {
            outbox.send(&hub.meters);
        }
    }

    /// Has it done so much that others should have their turn?
    pub(super) fn is_tired(&self) -> bool {
        self.done >= SLICE
    }

    /// Others have had their turn.
    pub(super) fn rest(&mut self) {
        self.done = 0;
    }

    fn offer(&mut self, hub: &Hub, channel: &Channel, notice: &Notice) {
        let class = notice.class.as_str();
        let count = |outcome: &str, sessions: usize| {
            hub.metrics.deliveries.with_label_values(&[class, outcome]).inc_by(sessions as u64);
        };
        self.done += self.recipients.len();
        if notice.is_expired() {
            for outbox in &self.recipients {
                report(hub, notice, outbox, What::Expired);
            }
            count("expired", self.recipients.drain(..).count());
            return;
        }
        for outbox in self.recipients.drain(..) {
            match outbox.offer(notice.frame()) {
                Offered::Queued => {}
                Offered::Unsent => self.unsent.push(outbox),
                Offered::Dropped => {
                    hub.metrics.outbox_overflows.with_label_values(&[class]).inc();
                    count("dropped", 1);
                    report(hub, notice, &outbox, What::Dropped);
                }
                Offered::Overflowed => fall_behind(hub, channel, notice, &outbox),
                Offered::Gone => count("gone", 1),
            }
        }
    }
}

/// Reports what became of a watched event on a connection to which it was not written.
fn report(hub: &Hub, notice: &Notice, outbox: &Outbox, what: What) {
    let connection = ConnectionId { node: hub.node, number: outbox.number() };
    if let Some(note) = notice.note(connection, what) {
        hub.reporter.note(note);
    }
}

/// From here on the session reads the channel's log at its client's speed. What is not stored has no place and never
/// comes here: it is dropped instead.
fn fall_behind(hub: &Hub, channel: &Channel, notice: &Notice, outbox: &Arc<Outbox>) {
    let Some(place) = notice.place else { return };
    hub.metrics.outbox_overflows.with_label_values(&[notice.class.as_str()]).inc();
    let line = Line { channel: channel.clone(), lane: Lane::of(notice.class) };
    let mut registry = hub.lock();
    if let Some(course) = registry.course(&line, outbox) {
        course.fall_behind(place.cursor);
        // The session may be in the middle of a write for long, and is to be found by whoever looks for it.
        hub.readers.reads(outbox.number(), &line, notice.after, uptime_millis());
    }
    drop(registry);
    outbox.behind(line, notice.after);
}
