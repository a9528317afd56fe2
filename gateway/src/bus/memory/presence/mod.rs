//! Presence, in memory: what the scripts do in Redis, done here in the same order.

mod part;

use std::collections::HashMap;

use async_trait::async_trait;
use wirebell_protocol::presence::{Change, ChangeResult, Filter, Lease, OnlineUser, Renewed, Settings};
use wirebell_protocol::{ConnectionId, Message, NodeCommand, Shard};

use self::part::{Held, Part};
use super::{MemoryBus, micros};
use crate::bus::{BusError, Presence};

/// Every shard.
#[derive(Default)]
pub(super) struct Shards(HashMap<Shard, Part>);

impl Shards {
    fn of(&mut self, shard: Shard) -> &mut Part {
        self.0.entry(shard).or_default()
    }
}

impl MemoryBus {
    /// Works on a shard. What has changed there is in the inbox at the same moment.
    fn within<T>(&self, shard: Shard, work: impl FnOnce(&mut Part) -> T) -> T {
        let mut state = self.lock();
        let part = state.presence.of(shard);
        let answer = work(part);
        let told = part.take_told();
        let has_changed = !told.is_empty();
        for entry in told {
            state.inbox.push(entry);
        }
        drop(state);
        if has_changed {
            self.shared.news.notify_one();
        }
        answer
    }
}

#[async_trait]
impl Presence for MemoryBus {
    async fn renew(
        &self,
        lease: Lease,
        enter: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError> {
        let now = micros() / 1000;
        Ok(self.within(lease.shard, |part| part.renew(Held::of(lease), enter, settings, done, now)))
    }

    async fn change(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError> {
        let now = micros() / 1000;
        Ok(self.within(lease.shard, |part| part.change(Held::of(lease), batch, settings, changes, now)))
    }

    async fn clear(
        &self,
        shard: Shard,
        lease: &str,
        _cursor: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<String>, BusError> {
        if let Some(held) = Held::parse(lease) {
            self.lock().presence.of(shard).clear(held, settings, micros() / 1000);
        }
        Ok(None)
    }

    async fn resign(&self, lease: Lease, has_left: bool) -> Result<(), BusError> {
        self.lock().presence.of(lease.shard).resign(Held::of(lease), has_left, micros() / 1000);
        Ok(())
    }

    async fn online(&self, user: &str) -> Result<Option<OnlineUser>, BusError> {
        Ok(self.lock().presence.of(Shard::of(user)).online(user))
    }

    async fn page(&self, shard: Shard, after: &str, most: usize) -> Result<Vec<(String, OnlineUser)>, BusError> {
        Ok(self.lock().presence.of(shard).page(after, most))
    }

    async fn disconnect(&self, user: &str, which: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError> {
        let told = self.lock().presence.of(Shard::of(user)).disconnect(user, which, reason);
        let node = self.lock().node();
        for id in told.iter().filter(|id| id.node == node) {
            self.shared.intake.offer(Message::Command(NodeCommand::Disconnect(*id, reason.to_owned())));
        }
        Ok(told)
    }
}
