//! All delivery records, their timers, and the statuses that became final.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use wirebell_protocol::tracking::{Alarm, Receipt, Timer};
use wirebell_protocol::{Channel, Cursor};

use super::delivery_record::DeliveryRecord;
use crate::bus::{Ack, DeliveryReport, Fallback, FinalStatus};

/// Maximum number of stored final statuses, and of stored fallbacks.
const MAX_FINAL: usize = 10_000;
/// Maximum number of records. Beyond it, the oldest is removed.
const MAX_RECORDS: usize = 200_000;

/// The delivery status of all tracked and scheduled events.
#[derive(Default)]
pub(super) struct DeliveryRecords {
    by_timer: HashMap<Timer, DeliveryRecord>,
    channels: HashMap<String, BTreeSet<Channel>>,
    order: VecDeque<Timer>,
    /// Timers by the time at which they are due.
    timers: BTreeMap<(u64, String), Timer>,
    tracked: HashMap<Channel, BTreeMap<Cursor, String>>,
    acknowledged: HashMap<(Channel, Box<str>), Cursor>,
    pub(super) fallbacks: VecDeque<Fallback>,
    pub(super) final_statuses: VecDeque<FinalStatus>,
}

impl DeliveryRecords {
    pub(super) fn get_mut(&mut self, timer: &Timer) -> Option<&mut DeliveryRecord> {
        self.by_timer.get_mut(timer)
    }

    /// Adds a record, and sets its timer to `due_at`.
    pub(super) fn insert(&mut self, timer: Timer, record: DeliveryRecord, due_at: u64, now: u64) {
        self.remove_expired(now);
        self.channels.entry(timer.id.clone()).or_default().insert(timer.channel.clone());
        self.order.push_back(timer.clone());
        self.set_timer(timer.clone(), due_at);
        self.by_timer.insert(timer, record);
    }

    /// Lets an event be acknowledged by its cursor. A channel keeps at most `max_events` of them.
    pub(super) fn track(&mut self, timer: &Timer, cursor: Cursor, max_events: u64) {
        let tracked = self.tracked.entry(timer.channel.clone()).or_default();
        tracked.insert(cursor, timer.id.clone());
        while tracked.len() as u64 > max_events {
            tracked.pop_first();
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer, at: u64) {
        self.timers.insert((at, timer.member()), timer);
    }

    /// Takes the next timer that is due.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let (at, _) = self.timers.keys().next()?;
        if *at > now {
            return None;
        }
        self.timers.pop_first().map(|(_, timer)| timer)
    }

    pub(super) fn report(&mut self, report: &DeliveryReport, now: u64) {
        let timer = Timer { channel: report.channel.clone(), id: report.id.to_string() };
        if let Some(record) = self.by_timer.get_mut(&timer) {
            record.report(report, now);
        }
    }

    pub(super) fn acknowledge(&mut self, ack: &Ack, now: u64) {
        let Some(tracked) = self.tracked.get(&ack.channel) else { return };
        let device = (ack.channel.clone(), ack.device.clone());
        let from = self.acknowledged.get(&device).copied().unwrap_or(Cursor::START);
        if ack.cursor <= from {
            return;
        }
        let newly = (std::ops::Bound::Excluded(from), std::ops::Bound::Included(ack.cursor));
        let handled: Vec<(Cursor, String)> =
            tracked.range(newly).map(|(cursor, id)| (*cursor, id.clone())).collect();
        if let Some((last, _)) = handled.last() {
            self.acknowledged.insert(device, *last);
        }
        for (_, id) in handled {
            let timer = Timer { channel: ack.channel.clone(), id };
            let is_first = self.by_timer.get_mut(&timer).is_some_and(|record| record.acknowledge(ack, now));
            if is_first {
                self.finish(&timer, &Alarm::Final { state: "acknowledged".to_owned(), at: now });
            }
        }
    }

    pub(super) fn receipts(&self, id: &str) -> Vec<Receipt> {
        let channels = self.channels.get(id).into_iter().flatten();
        let read = |channel: &Channel| {
            let timer = Timer { channel: channel.clone(), id: id.to_owned() };
            self.by_timer.get(&timer).and_then(|record| record.receipt(channel))
        };
        channels.filter_map(read).collect()
    }

    /// Returns the timers of an event, one for each of its channels.
    pub(super) fn timers_of(&self, id: &str) -> Vec<Timer> {
        let channels = self.channels.get(id).into_iter().flatten();
        channels.map(|channel| Timer { channel: channel.clone(), id: id.to_owned() }).collect()
    }

    /// Executes an alarm.
    pub(super) fn finish(&mut self, timer: &Timer, alarm: &Alarm) {
        let (status, at) = match alarm {
            Alarm::Later(at) => return self.set_timer(timer.clone(), *at),
            Alarm::Absent | Alarm::Done => return,
            Alarm::Final { state, at } => (state.clone(), *at),
            Alarm::Fallback { at, frame } => {
                let (id, channel) = (timer.id.clone(), timer.channel.clone());
                push_bounded(&mut self.fallbacks, Fallback { id, channel, at: *at, event: frame.clone() });
                ("fallen_back".to_owned(), *at)
            }
        };
        let (id, channel) = (timer.id.clone(), timer.channel.clone());
        push_bounded(&mut self.final_statuses, FinalStatus { id, channel, at, status });
        if let Some(record) = self.by_timer.get_mut(timer) {
            record.set_reported();
        }
    }

    fn remove_expired(&mut self, now: u64) {
        while let Some(oldest) = self.order.front() {
            let is_expired = self.by_timer.get(oldest).is_none_or(|record| record.is_expired(now));
            if !is_expired && self.order.len() < MAX_RECORDS {
                return;
            }
            let Some(timer) = self.order.pop_front() else { return };
            self.by_timer.remove(&timer);
            if let Some(channels) = self.channels.get_mut(&timer.id) {
                channels.remove(&timer.channel);
                if channels.is_empty() {
                    self.channels.remove(&timer.id);
                }
            }
        }
    }
}

fn push_bounded<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= MAX_FINAL {
        kept.pop_front();
    }
    kept.push_back(new);
}
