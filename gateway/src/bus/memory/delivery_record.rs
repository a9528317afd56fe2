//! The delivery record of one event on one channel. Its fields and its answers to an alarm are
//! those of the Redis scripts.

use std::collections::HashMap;

use wirebell_protocol::publish::{Accepted, Retention};
use wirebell_protocol::tracking::{Alarm, Receipt};
use wirebell_protocol::{Channel, Prepared};

use crate::bus::{Ack, DeliveryReport};

/// Maximum number of fields in a record. Further reports are only counted.
const MAX_FIELDS: usize = 250;

/// The delivery status of an event.
#[derive(Default)]
pub(super) struct DeliveryRecord {
    fields: HashMap<String, String>,
    /// The event, until it is published.
    scheduled: Option<Prepared>,
    accepted: Option<Accepted>,
    frame: String,
    /// When the record may be removed.
    kept_until: u64,
}

/// What is due when a timer fires.
pub(super) enum Due {
    /// The alarm, as the script would answer it.
    Alarm(Alarm),
    /// This event is published first, and the alarm is then evaluated again.
    Publish(Box<Prepared>),
}

impl DeliveryRecord {
    /// Creates the record of an event that is published later.
    pub(super) fn scheduled(event: &Prepared, deliver_at: u64, now: u64, keep: &Retention) -> Self {
        let mut record = Self { scheduled: Some(event.clone()), ..Self::default() };
        record.set("deliver_at", deliver_at);
        record.set("scheduled", now);
        record.kept_until = deliver_at + kept_millis(event, keep);
        record
    }

    /// Records that the event was published.
    pub(super) fn set_published(&mut self, event: &Prepared, accepted: Accepted, now: u64, keep: &Retention) {
        let (deadline, tracked) =
            event.tracking.as_ref().map_or((None, false), |it| (it.deadline_millis, it.tracks_delivery));
        self.scheduled = None;
        self.accepted = Some(accepted);
        self.set("accepted", now);
        self.set("nodes", accepted.nodes);
        self.set("closes", now + ack_window_millis(event, keep));
        self.fields.insert("answer".to_owned(), String::new());
        if tracked {
            self.set("watched", 1);
        }
        if let Some(cursor) = accepted.cursor {
            self.fields.insert("cursor".to_owned(), cursor.to_string());
        }
        if let Some(ttl) = event.ttl_millis {
            self.set("expires", now + ttl);
        }
        if let Some(deadline) = deadline {
            self.set("deadline", now + deadline);
            self.frame = String::from_utf8_lossy(&event.frame(accepted.cursor)).into_owned();
        }
        self.kept_until = now + kept_millis(event, keep);
    }

    /// Returns the answer to publishing the same id again.
    pub(super) fn accepted(&self) -> Accepted {
        let scheduled = Accepted { cursor: None, nodes: 0, duplicate: false, scheduled: true };
        self.accepted.map_or(scheduled, |accepted| Accepted { duplicate: true, ..accepted })
    }

    pub(super) fn is_published(&self) -> bool {
        self.accepted.is_some()
    }

    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.kept_until <= now
    }

    pub(super) fn cancel(&mut self, now: u64) {
        self.set_once("cancelled", now);
    }

    /// Records an acknowledgement. Returns whether it is the first one, and in time.
    pub(super) fn acknowledge(&mut self, ack: &Ack, now: u64) -> bool {
        self.fields.entry(format!("a:{}", ack.device)).or_insert_with(|| format!("{now} {}", ack.connection));
        self.set_once("acked", now) && !self.has("fallen") && !self.has("expired")
    }

    pub(super) fn report(&mut self, report: &DeliveryReport, now: u64) {
        if self.fields.len() >= MAX_FIELDS {
            let more = self.number("more").unwrap_or_default() + 1;
            return self.set("more", more);
        }
        let device = report.device.as_deref().unwrap_or_default();
        let value = format!("{now} {} {device}", report.state.as_str());
        self.fields.entry(format!("c:{}", report.connection)).or_insert(value);
    }

    /// Records that the final status was reported.
    pub(super) fn set_reported(&mut self) {
        self.set("told", 1);
    }

    pub(super) fn receipt(&self, channel: &Channel) -> Option<Receipt> {
        Receipt::read(channel, &self.fields)
    }

    /// Returns what is due, as the alarm script determines it in Redis.
    pub(super) fn due(&mut self, now: u64) -> Due {
        if let Some(event) = &self.scheduled {
            let at = self.number("deliver_at").unwrap_or_default();
            return match self.number("cancelled") {
                Some(_) if self.has("told") => Due::Alarm(Alarm::Done),
                Some(at) => Due::Alarm(outcome("cancelled", at)),
                None if at > now => Due::Alarm(Alarm::Later(at)),
                None => Due::Publish(Box::new(event.clone())),
            };
        }
        Due::Alarm(self.due_after_publishing(now))
    }

    /// Returns what is due for an event that was published.
    fn due_after_publishing(&mut self, now: u64) -> Alarm {
        if self.has("told") || !self.has("watched") {
            return Alarm::Done;
        }
        if let Some(at) = self.number("acked") {
            return outcome("acknowledged", at);
        }
        if let Some(deadline) = self.number("deadline") {
            if deadline > now {
                return Alarm::Later(deadline);
            }
            self.set_once("fallen", now);
            return Alarm::Fallback { at: now, frame: self.frame.clone() };
        }
        let closes = self.number("closes").unwrap_or_default();
        if closes > now {
            return Alarm::Later(closes);
        }
        self.set_once("expired", now);
        outcome("expired", now)
    }

    fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(|text| text.parse().ok())
    }

    fn set(&mut self, name: &str, value: u64) {
        self.fields.insert(name.to_owned(), value.to_string());
    }

    fn set_once(&mut self, name: &str, value: u64) -> bool {
        let is_new = !self.has(name);
        if is_new {
            self.set(name, value);
        }
        is_new
    }
}

fn outcome(what: &str, at: u64) -> Alarm {
    Alarm::Final { state: what.to_owned(), at }
}

/// Returns how long the event can be acknowledged.
fn ack_window_millis(event: &Prepared, keep: &Retention) -> u64 {
    event.ttl_millis.unwrap_or(keep.receipt_millis)
}

/// Returns how long the record is kept.
fn kept_millis(event: &Prepared, keep: &Retention) -> u64 {
    let deadline = event.tracking.as_ref().and_then(|tracking| tracking.deadline_millis);
    ack_window_millis(event, keep).max(deadline.unwrap_or_default()) + keep.receipt_millis
}
