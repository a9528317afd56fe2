//! What the embedded bus holds, and what it does with an event. Times are given by the caller, in microseconds since
//! the Unix epoch where an event is taken, else in milliseconds.

use std::collections::{HashMap, HashSet};

use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::publish::{Accepted, Retention, Retentions};
use wirebell_protocol::tracking::{Alarm, Timer};
use wirebell_protocol::{Announcement, Channel, Class, Cursor, Message, NodeId, Prepared};

use super::history::Histories;
use super::inbox::Inbox;
use super::log::Log;
use super::presence::Shards;
use super::record::{Due, Record};
use super::records::Records;
use super::retained::Retained;
use super::revocations::Revoked;
use super::seen::Seen;
use crate::bus::intake::Intake;
use crate::bus::{Cancelled, Ends, Position};

/// Logs kept at the most; beyond that the one that has been idle longest goes.
const MOST_LOGS: usize = 100_000;

/// Everything.
pub(super) struct State {
    node: NodeId,
    retentions: Retentions,
    logs: HashMap<Channel, Log>,
    retained: HashMap<Channel, Retained>,
    seen: Seen,
    listened: HashSet<Channel>,
    pub(super) records: Records,
    pub(super) histories: Histories,
    pub(super) inbox: Inbox,
    pub(super) presence: Shards,
    pub(super) revoked: Revoked,
}

impl State {
    pub(super) fn new(node: NodeId, retentions: Retentions, inbox: Inbox) -> Self {
        Self {
            node,
            retentions,
            logs: HashMap::new(),
            retained: HashMap::new(),
            seen: Seen::default(),
            listened: HashSet::new(),
            records: Records::default(),
            histories: Histories::default(),
            inbox,
            presence: Shards::default(),
            revoked: Revoked::default(),
        }
    }

    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn answered(&mut self, channel: &Channel, id: &str, now: u64) -> Option<Accepted> {
        self.seen.find(channel, id, now).map(|accepted| Accepted { duplicate: true, ..accepted })
    }

    pub(super) fn listen(&mut self, channels: &[Channel]) {
        self.listened.extend(channels.iter().cloned());
    }

    pub(super) fn listen_no_longer(&mut self, channels: &[Channel]) {
        for channel in channels {
            self.listened.remove(channel);
        }
    }

    pub(super) fn listened(&self) -> usize {
        self.listened.len()
    }

    pub(super) fn ends(&self, channel: &Channel) -> Ends {
        Ends {
            log: self.logs.get(channel).map_or(Cursor::START, Log::last),
            retained: self.retained.get(channel).map_or(Cursor::START, Retained::last),
        }
    }

    pub(super) fn read(&self, channel: &Channel, after: Cursor, limit: usize) -> Vec<Announcement> {
        self.logs.get(channel).map_or_else(Vec::new, |log| log.after(after, limit))
    }

    pub(super) fn read_retained(&self, channel: &Channel, after: Cursor, now: u64) -> Vec<Announcement> {
        self.retained.get(channel).map_or_else(Vec::new, |retained| retained.after(after, now))
    }

    pub(super) fn position(&self, channel: &Channel, cursor: Cursor) -> Position {
        let is_known = self.logs.get(channel).map_or(cursor == Cursor::START, |log| log.reaches_back_to(cursor));
        if is_known { Position::Known } else { Position::Lost }
    }

    /// Publishes an event, or keeps it until its time has come; once per id.
    pub(super) fn publish(&mut self, event: &Prepared, now: u64, intake: &Intake) -> Accepted {
        let millis = now / 1000;
        if let Some(accepted) = self.seen.find(&event.channel, &event.id, millis) {
            return Accepted { duplicate: true, ..accepted };
        }
        let Some(tracking) = &event.tracking else { return self.announce(event, now, intake) };
        let timer = Timer { channel: event.channel.clone(), id: event.id.clone() };
        if let Some(record) = self.records.get_mut(&timer) {
            return record.answer();
        }
        let retention = self.retentions.of(&event.channel);
        if let Some(at) = tracking.deliver_at.filter(|at| *at > millis) {
            let record = Record::scheduled(event, at, millis, &retention);
            let answer = record.answer();
            self.records.keep(timer, record, at, millis);
            return answer;
        }
        self.records.keep(timer.clone(), Record::default(), millis, millis);
        self.publish_recorded(&timer, event, now, intake)
    }

    fn publish_recorded(&mut self, timer: &Timer, event: &Prepared, now: u64, intake: &Intake) -> Accepted {
        let retention = self.retentions.of(&event.channel);
        let accepted = self.announce(event, now, intake);
        if let Some(record) = self.records.get_mut(timer) {
            record.published(event, accepted, now / 1000, &retention);
        }
        if let (Some(cursor), true) = (accepted.cursor, event.is_tracked()) {
            self.records.watch(timer, cursor, retention.log_events);
        }
        accepted
    }

    fn announce(&mut self, event: &Prepared, now: u64, intake: &Intake) -> Accepted {
        let retention = self.retentions.of(&event.channel);
        let expires_at = event.ttl_millis.map(|ttl| now / 1000 + ttl);
        let position = self.store(event, now, expires_at, &retention);
        let cursor = position.filter(|_| event.class == Class::Durable).map(|position| position.cursor);
        let is_ours = matches!(event.channel.kind(), Kind::Connection(id) if id.node == self.node);
        let listened = is_ours || self.listened.contains(&event.channel);
        let accepted = Accepted { cursor, nodes: u64::from(listened), duplicate: false, scheduled: false };
        self.seen.remember(event, accepted, now / 1000 + retention.seen_millis);
        if listened {
            intake.offer(Message::Event(Announcement {
                channel: event.channel.clone(),
                class: event.class,
                position,
                accepted_at: now,
                expires_at,
                tracked: event.is_tracked().then(|| event.id.as_str().into()),
                frame: event.frame(cursor),
            }));
        }
        accepted
    }

    fn store(
        &mut self,
        event: &Prepared,
        now: u64,
        expires_at: Option<u64>,
        keep: &Retention,
    ) -> Option<LogPosition> {
        match event.class {
            Class::Durable => {
                if !self.logs.contains_key(&event.channel) {
                    self.forget_idle(now / 1000);
                }
                let log = self.logs.entry(event.channel.clone()).or_default();
                Some(log.append(event, now / 1000, expires_at, keep))
            }
            Class::Retained => {
                let retained = self.retained.entry(event.channel.clone()).or_default();
                Some(retained.replace(event, now, expires_at, keep))
            }
            Class::Volatile => None,
        }
    }

    /// Makes room for one more log. Looked at only when the table is full, so that the usual append costs nothing.
    fn forget_idle(&mut self, now: u64) {
        if self.logs.len() < MOST_LOGS {
            return;
        }
        let retentions = &self.retentions;
        self.logs.retain(|channel, log| log.last().millis + retentions.of(channel).log_millis > now);
        if self.logs.len() >= MOST_LOGS
            && let Some(idlest) = self.logs.iter().min_by_key(|(_, log)| log.last()).map(|(c, _)| c.clone())
        {
            self.logs.remove(&idlest);
        }
    }

    /// Does whatever timers ask for that have gone off.
    pub(super) fn work_off(&mut self, now: u64, intake: &Intake) {
        while let Some(timer) = self.records.take_due(now / 1000) {
            self.attend(&timer, now, intake);
        }
    }

    fn attend(&mut self, timer: &Timer, now: u64, intake: &Intake) {
        let alarm = loop {
            let Some(record) = self.records.get_mut(timer) else { break Alarm::Absent };
            match record.due(now / 1000) {
                Due::Alarm(alarm) => break alarm,
                Due::Publish(event) => _ = self.publish_recorded(timer, &event, now, intake),
            }
        };
        self.records.finish(timer, &alarm);
    }

    pub(super) fn cancel(&mut self, id: &str, now: u64, intake: &Intake) -> Cancelled {
        let mut cancelled = Cancelled::Unknown;
        for timer in self.records.timers_of(id) {
            let Some(record) = self.records.get_mut(&timer) else { continue };
            if record.is_published() {
                cancelled = Cancelled::Published;
                continue;
            }
            record.cancel(now / 1000);
            self.attend(&timer, now, intake);
            if cancelled == Cancelled::Unknown {
                cancelled = Cancelled::Cancelled;
            }
        }
        cancelled
    }
}
