//! The data of the embedded bus, and what it does with an event.
//!
//! Callers pass the time: in microseconds since the Unix epoch where an event is accepted, else in
//! milliseconds.

use std::collections::{HashMap, HashSet};

use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::publish::{Accepted, Retention, Retentions};
use wirebell_protocol::tracking::{Alarm, Timer};
use wirebell_protocol::{Announcement, Channel, Class, Cursor, Message, NodeId, Prepared};

use super::connection_log::ConnectionLogs;
use super::delivery_record::{DeliveryRecord, Due};
use super::delivery_records::DeliveryRecords;
use super::inbox::Inbox;
use super::log::Log;
use super::presence_shard::PresenceShards;
use super::retained::RetainedValues;
use super::revocation_list::RevocationList;
use super::seen_ids::SeenIds;
use crate::bus::delivery_queue::DeliverySender;
use crate::bus::{CancelResult, ChannelEnds, CursorStatus};

/// Maximum number of logs. Beyond it, the log that has been idle longest is removed.
const MAX_LOGS: usize = 100_000;

pub(super) struct State {
    node: NodeId,
    retentions: Retentions,
    logs: HashMap<Channel, Log>,
    retained: HashMap<Channel, RetainedValues>,
    seen: SeenIds,
    subscriptions: HashSet<Channel>,
    pub(super) records: DeliveryRecords,
    pub(super) connection_logs: ConnectionLogs,
    pub(super) inbox: Inbox,
    pub(super) presence: PresenceShards,
    pub(super) revocations: RevocationList,
}

impl State {
    pub(super) fn new(node: NodeId, retentions: Retentions, inbox: Inbox) -> Self {
        Self {
            node,
            retentions,
            logs: HashMap::new(),
            retained: HashMap::new(),
            seen: SeenIds::default(),
            subscriptions: HashSet::new(),
            records: DeliveryRecords::default(),
            connection_logs: ConnectionLogs::default(),
            inbox,
            presence: PresenceShards::default(),
            revocations: RevocationList::default(),
        }
    }

    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn find_accepted(&mut self, channel: &Channel, id: &str, now: u64) -> Option<Accepted> {
        self.seen.find(channel, id, now).map(|accepted| Accepted { duplicate: true, ..accepted })
    }

    pub(super) fn subscribe(&mut self, channels: &[Channel]) {
        self.subscriptions.extend(channels.iter().cloned());
    }

    pub(super) fn unsubscribe(&mut self, channels: &[Channel]) {
        for channel in channels {
            self.subscriptions.remove(channel);
        }
    }

    pub(super) fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn ends(&self, channel: &Channel) -> ChannelEnds {
        ChannelEnds {
            log: self.logs.get(channel).map_or(Cursor::START, Log::last),
            retained: self.retained.get(channel).map_or(Cursor::START, RetainedValues::last),
        }
    }

    pub(super) fn read(&self, channel: &Channel, after: Cursor, limit: usize) -> Vec<Announcement> {
        self.logs.get(channel).map_or_else(Vec::new, |log| log.after(after, limit))
    }

    pub(super) fn read_retained(&self, channel: &Channel, after: Cursor, now: u64) -> Vec<Announcement> {
        self.retained.get(channel).map_or_else(Vec::new, |retained| retained.after(after, now))
    }

    pub(super) fn cursor_status(&self, channel: &Channel, cursor: Cursor) -> CursorStatus {
        let is_known = self.logs.get(channel).map_or(cursor == Cursor::START, |log| log.reaches_back_to(cursor));
        if is_known { CursorStatus::Known } else { CursorStatus::Lost }
    }

    /// Publishes an event once per id, or keeps it until it is due.
    pub(super) fn publish(&mut self, event: &Prepared, now: u64, sender: &DeliverySender) -> Accepted {
        let millis = now / 1000;
        if let Some(accepted) = self.seen.find(&event.channel, &event.id, millis) {
            return Accepted { duplicate: true, ..accepted };
        }
        let Some(tracking) = &event.tracking else { return self.announce(event, now, sender) };
        let timer = Timer { channel: event.channel.clone(), id: event.id.clone() };
        if let Some(record) = self.records.get_mut(&timer) {
            return record.accepted();
        }
        let retention = self.retentions.of(&event.channel);
        if let Some(at) = tracking.deliver_at.filter(|at| *at > millis) {
            let record = DeliveryRecord::scheduled(event, at, millis, &retention);
            let accepted = record.accepted();
            self.records.insert(timer, record, at, millis);
            return accepted;
        }
        self.records.insert(timer.clone(), DeliveryRecord::default(), millis, millis);
        self.publish_recorded(&timer, event, now, sender)
    }

    fn publish_recorded(&mut self, timer: &Timer, event: &Prepared, now: u64, sender: &DeliverySender) -> Accepted {
        let retention = self.retentions.of(&event.channel);
        let accepted = self.announce(event, now, sender);
        if let Some(record) = self.records.get_mut(timer) {
            record.set_published(event, accepted, now / 1000, &retention);
        }
        if let (Some(cursor), true) = (accepted.cursor, event.is_tracked()) {
            self.records.track(timer, cursor, retention.log_events);
        }
        accepted
    }

    /// Stores the event, remembers its id, and sends it to the hub if it has subscribers.
    fn announce(&mut self, event: &Prepared, now: u64, sender: &DeliverySender) -> Accepted {
        let retention = self.retentions.of(&event.channel);
        let expires_at = event.ttl_millis.map(|ttl| now / 1000 + ttl);
        let position = self.store(event, now, expires_at, &retention);
        let cursor = position.filter(|_| event.class == Class::Durable).map(|position| position.cursor);
        let is_ours = matches!(event.channel.kind(), Kind::Connection(id) if id.node == self.node);
        let subscribed = is_ours || self.subscriptions.contains(&event.channel);
        let accepted = Accepted { cursor, nodes: u64::from(subscribed), duplicate: false, scheduled: false };
        self.seen.insert(event, accepted, now / 1000 + retention.seen_millis);
        if subscribed {
            sender.send(Message::Event(Announcement {
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

    /// Stores the event as its class requires. Returns its position in the log.
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
                    self.evict_idle_logs(now / 1000);
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

    /// Makes room for one more log. It scans only when the table is full, so a usual append costs
    /// nothing.
    fn evict_idle_logs(&mut self, now: u64) {
        if self.logs.len() < MAX_LOGS {
            return;
        }
        let retentions = &self.retentions;
        self.logs.retain(|channel, log| log.last().millis + retentions.of(channel).log_millis > now);
        if self.logs.len() >= MAX_LOGS
            && let Some(idlest) = self.logs.iter().min_by_key(|(_, log)| log.last()).map(|(c, _)| c.clone())
        {
            self.logs.remove(&idlest);
        }
    }

    /// Processes all timers that are due.
    pub(super) fn process_due_timers(&mut self, now: u64, sender: &DeliverySender) {
        while let Some(timer) = self.records.take_due(now / 1000) {
            self.process_timer(&timer, now, sender);
        }
    }

    fn process_timer(&mut self, timer: &Timer, now: u64, sender: &DeliverySender) {
        let alarm = loop {
            let Some(record) = self.records.get_mut(timer) else { break Alarm::Absent };
            match record.due(now / 1000) {
                Due::Alarm(alarm) => break alarm,
                Due::Publish(event) => _ = self.publish_recorded(timer, &event, now, sender),
            }
        };
        self.records.finish(timer, &alarm);
    }

    pub(super) fn cancel(&mut self, id: &str, now: u64, sender: &DeliverySender) -> CancelResult {
        let mut result = CancelResult::Unknown;
        for timer in self.records.timers_of(id) {
            let Some(record) = self.records.get_mut(&timer) else { continue };
            if record.is_published() {
                result = CancelResult::Published;
                continue;
            }
            record.cancel(now / 1000);
            self.process_timer(&timer, now, sender);
            if result == CancelResult::Unknown {
                result = CancelResult::Cancelled;
            }
        }
        result
    }
}
