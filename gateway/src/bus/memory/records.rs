//! All records, the timers that look at them, and what was told.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use wirebell_protocol::tracking::{Alarm, Receipt, Timer};
use wirebell_protocol::{Channel, Cursor};

use super::record::Record;
use crate::bus::{Ack, Fallback, Note, Told};

/// What is kept of what was told, and of what fell back.
const MOST_TOLD: usize = 10_000;
/// Records kept at the most; beyond that the oldest goes.
const MOST_RECORDS: usize = 200_000;

/// What is known of the fates of events.
#[derive(Default)]
pub(super) struct Records {
    by_timer: HashMap<Timer, Record>,
    channels: HashMap<String, BTreeSet<Channel>>,
    order: VecDeque<Timer>,
    /// When each timer goes off, and the other way round.
    timers: BTreeMap<(u64, String), Timer>,
    watched: HashMap<Channel, BTreeMap<Cursor, String>>,
    positions: HashMap<(Channel, Box<str>), Cursor>,
    pub(super) fallbacks: VecDeque<Fallback>,
    pub(super) told: VecDeque<Told>,
}

impl Records {
    pub(super) fn get_mut(&mut self, timer: &Timer) -> Option<&mut Record> {
        self.by_timer.get_mut(timer)
    }

    /// Keeps a new record, and lets its timer go off then.
    pub(super) fn keep(&mut self, timer: Timer, record: Record, alarm_at: u64, now: u64) {
        self.forget(now);
        self.channels.entry(timer.id.clone()).or_default().insert(timer.channel.clone());
        self.order.push_back(timer.clone());
        self.set_timer(timer.clone(), alarm_at);
        self.by_timer.insert(timer, record);
    }

    pub(super) fn watch(&mut self, timer: &Timer, cursor: Cursor, most: u64) {
        let watched = self.watched.entry(timer.channel.clone()).or_default();
        watched.insert(cursor, timer.id.clone());
        while watched.len() as u64 > most {
            watched.pop_first();
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer, at: u64) {
        self.timers.insert((at, timer.member()), timer);
    }

    /// The next timer that has gone off.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let (at, _) = self.timers.keys().next()?;
        if *at > now {
            return None;
        }
        self.timers.pop_first().map(|(_, timer)| timer)
    }

    pub(super) fn note(&mut self, note: &Note, now: u64) {
        let timer = Timer { channel: note.channel.clone(), id: note.id.to_string() };
        if let Some(record) = self.by_timer.get_mut(&timer) {
            record.note(note, now);
        }
    }

    pub(super) fn acknowledge(&mut self, ack: &Ack, now: u64) {
        let Some(watched) = self.watched.get(&ack.channel) else { return };
        let device = (ack.channel.clone(), ack.device.clone());
        let from = self.positions.get(&device).copied().unwrap_or(Cursor::START);
        if ack.cursor <= from {
            return;
        }
        let behind = (std::ops::Bound::Excluded(from), std::ops::Bound::Included(ack.cursor));
        let handled: Vec<(Cursor, String)> =
            watched.range(behind).map(|(cursor, id)| (*cursor, id.clone())).collect();
        if let Some((last, _)) = handled.last() {
            self.positions.insert(device, *last);
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

    /// The timers of an event.
    pub(super) fn timers_of(&self, id: &str) -> Vec<Timer> {
        let channels = self.channels.get(id).into_iter().flatten();
        channels.map(|channel| Timer { channel: channel.clone(), id: id.to_owned() }).collect()
    }

    /// Does what an alarm came to.
    pub(super) fn finish(&mut self, timer: &Timer, alarm: &Alarm) {
        let (outcome, at) = match alarm {
            Alarm::Later(at) => return self.set_timer(timer.clone(), *at),
            Alarm::Absent | Alarm::Done => return,
            Alarm::Final { state, at } => (state.clone(), *at),
            Alarm::Fallback { at, frame } => {
                let (id, channel) = (timer.id.clone(), timer.channel.clone());
                push(&mut self.fallbacks, Fallback { id, channel, at: *at, event: frame.clone() });
                ("fallen_back".to_owned(), *at)
            }
        };
        let (id, channel) = (timer.id.clone(), timer.channel.clone());
        push(&mut self.told, Told { id, channel, at, outcome });
        if let Some(record) = self.by_timer.get_mut(timer) {
            record.told();
        }
    }

    fn forget(&mut self, now: u64) {
        while let Some(oldest) = self.order.front() {
            let is_over = self.by_timer.get(oldest).is_none_or(|record| record.is_over(now));
            if !is_over && self.order.len() < MOST_RECORDS {
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

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= MOST_TOLD {
        kept.pop_front();
    }
    kept.push_back(new);
}
