//! Presence on the embedded bus. It does what the Redis scripts do, in the same order.

use async_trait::async_trait;
use wirebell_protocol::presence::{Change, ChangeResult, Filter, Lease, OnlineUser, Renewed, Settings};
use wirebell_protocol::{ConnectionId, Message, NodeCommand, Shard};

use super::MemoryBus;
use super::presence_shard::{LeaseId, PresenceShard};
use super::shared::micros;
use crate::bus::{BusError, Presence};

impl MemoryBus {
    /// Runs `work` on a shard, and adds the resulting presence events to the inbox under the same
    /// lock.
    fn with_shard<T>(&self, shard: Shard, work: impl FnOnce(&mut PresenceShard) -> T) -> T {
        let mut state = self.lock();
        let shard = state.presence.get_mut(shard);
        let answer = work(shard);
        let events = shard.take_events();
        let has_changed = !events.is_empty();
        for event in events {
            state.inbox.push(event);
        }
        drop(state);
        if has_changed {
            self.shared.inbox_changed.notify_one();
        }
        answer
    }
}

#[async_trait]
impl Presence for MemoryBus {
    async fn renew_lease(
        &self,
        lease: Lease,
        create: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError> {
        let now = micros() / 1000;
        Ok(self.with_shard(lease.shard, |shard| shard.renew(LeaseId::of(lease), create, settings, done, now)))
    }

    async fn apply_changes(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError> {
        let now = micros() / 1000;
        Ok(self.with_shard(lease.shard, |shard| {
            shard.apply_changes(LeaseId::of(lease), batch, settings, changes, now)
        }))
    }

    async fn clear_sessions(
        &self,
        shard: Shard,
        lease: &str,
        _cursor: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<String>, BusError> {
        if let Some(lease) = LeaseId::parse(lease) {
            self.lock().presence.get_mut(shard).clear_sessions(lease, settings, micros() / 1000);
        }
        Ok(None)
    }

    async fn release_lease(&self, lease: Lease, has_left: bool) -> Result<(), BusError> {
        self.lock().presence.get_mut(lease.shard).release(LeaseId::of(lease), has_left, micros() / 1000);
        Ok(())
    }

    async fn find_online(&self, user: &str) -> Result<Option<OnlineUser>, BusError> {
        Ok(self.lock().presence.get_mut(Shard::of(user)).find_online(user))
    }

    async fn online_page(
        &self,
        shard: Shard,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, OnlineUser)>, BusError> {
        Ok(self.lock().presence.get_mut(shard).online_page(after, limit))
    }

    async fn disconnect(&self, user: &str, filter: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError> {
        let connections = self.lock().presence.get_mut(Shard::of(user)).disconnect(user, filter, reason);
        let node = self.lock().node();
        for id in connections.iter().filter(|id| id.node == node) {
            self.shared.sender.send(Message::Command(NodeCommand::Disconnect(*id, reason.to_owned())));
        }
        Ok(connections)
    }
}
