//! The lease renewer of a shard: it holds the node's lease there and writes the presence changes.
//! If the lease is lost, it takes a new one and registers all sessions of the shard again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use wirebell_protocol::presence::{Change, ChangeResult, JoinResult, Lease, LeaseStatus, SessionChange, Settings};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard};

use super::super::Hub;
use super::change_queue::{ChangeQueue, PendingChange};
use crate::bus::BusError;
use crate::lifecycle::next_tick;

/// Time between two renewals. A lease lasts five times as long.
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// Pause after a batch, to collect changes for the next one.
const GATHER: Duration = Duration::from_millis(20);
/// Pause after an error of the bus, plus a random part of the same length.
const RETRY: Duration = Duration::from_millis(100);

struct LeaseRenewer {
    hub: Arc<Hub>,
    shard: Shard,
    settings: Settings,
    epoch: u64,
    has_lease: bool,
    /// Number of the last batch, and of the last batch that the bus has confirmed.
    batch: u64,
    confirmed: u64,
    /// Executed commands, which the bus need not repeat.
    done: Vec<NodeCommand>,
    /// A lease of a dead node that is being cleared, and the cursor to continue at.
    clearing: Option<(String, Option<String>)>,
    renew_at: Instant,
}

/// Renews the lease and writes changes while the process runs.
pub(super) async fn run(hub: Arc<Hub>, shard: Shard, settings: Settings) {
    let (done, renew_at) = (Vec::new(), Instant::now());
    let mut renewer = LeaseRenewer {
        hub: Arc::clone(&hub),
        shard,
        settings,
        epoch: 0,
        has_lease: false,
        batch: 0,
        confirmed: 0,
        done,
        clearing: None,
        renew_at,
    };
    let Some(queue) = hub.presence.queue(shard) else { return };
    while !hub.presence.has_ended.load(Ordering::Acquire) {
        if let Err(error) = renewer.step(queue).await {
            tracing::debug!(%error, shard = shard.number(), "cannot update presence; retrying");
            sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }
}

impl LeaseRenewer {
    /// Does the most urgent work: renews the lease, writes changes, or clears a dead node's
    /// sessions. Waits if there is none.
    async fn step(&mut self, queue: &ChangeQueue) -> Result<(), BusError> {
        if Instant::now() >= self.renew_at {
            return self.renew(queue).await;
        }
        if self.has_lease && self.write(queue).await? {
            return Ok(());
        }
        if self.clear().await? {
            return Ok(());
        }
        tokio::select! {
            () = sleep_until(self.renew_at) => {}
            () = queue.changed.notified(), if self.has_lease => {}
        }
        Ok(())
    }

    /// Renews the lease, or starts one. Executes the node's commands, and notes a lease to clear.
    async fn renew(&mut self, queue: &ChangeQueue) -> Result<(), BusError> {
        let is_new = !self.has_lease;
        if is_new {
            (self.epoch, self.batch, self.confirmed) = (self.epoch + 1, 0, 0);
        }
        let renewed = self.hub.bus.renew_lease(self.lease(), is_new, &self.settings, &self.done).await?;
        self.renew_at = if renewed.more { Instant::now() } else { next_tick(RENEW_EVERY) };
        let metrics = &self.hub.metrics;
        let users = i64::try_from(renewed.users).unwrap_or(i64::MAX);
        metrics.presence.users.with_label_values(&[&self.shard.number().to_string()]).set(users);
        for command in &renewed.commands {
            self.hub.execute(command);
        }
        self.done = renewed.commands;
        if let Some(lease) = renewed.to_clear
            && self.clearing.is_none()
        {
            metrics.presence.cleared.inc();
            self.clearing = Some((lease, None));
        }
        match renewed.status {
            LeaseStatus::Valid if is_new => self.registered(queue),
            // A confirmed batch is missing: the bus failed over to a replica that did not have it
            // yet.
            LeaseStatus::Valid if renewed.batch < self.confirmed => self.lose_lease(queue),
            LeaseStatus::Valid => {}
            LeaseStatus::Unknown => self.lose_lease(queue),
        }
        Ok(())
    }

    /// Writes all sessions of the node again under the new lease.
    fn registered(&mut self, queue: &ChangeQueue) {
        self.has_lease = true;
        queue.set_epoch(self.epoch);
        let (hub, shard) = (&self.hub, self.shard);
        queue.reset(|| {
            let present = hub.lock().present_sessions(shard);
            let rejoin = |(number, owner, transport)| {
                let connection = ConnectionId { node: hub.node, number };
                PendingChange { kind: SessionChange::Rejoin, connection, owner, transport, answer: None }
            };
            present.into_iter().map(rejoin).collect()
        });
    }

    fn lose_lease(&mut self, queue: &ChangeQueue) {
        if std::mem::replace(&mut self.has_lease, false) {
            tracing::warn!(
                shard = self.shard.number(),
                "the bus has lost this node's sessions in presence; registering them again"
            );
            self.hub.metrics.presence.lost.inc();
        }
        queue.set_epoch(0);
        self.renew_at = Instant::now();
    }

    /// Writes a batch. Returns false if there was none.
    async fn write(&mut self, queue: &ChangeQueue) -> Result<bool, BusError> {
        let Some(pending) = queue.take() else {
            self.lose_lease(queue);
            return Ok(true);
        };
        if pending.is_empty() {
            return Ok(false);
        }
        self.batch += 1;
        let changes: Vec<Change> = pending.iter().map(PendingChange::change).collect();
        match self.hub.bus.apply_changes(self.lease(), self.batch, &self.settings, &changes).await {
            Ok(ChangeResult::Done(sessions)) => {
                self.confirmed = self.batch;
                queue.put_back(Vec::new());
                self.answer(pending, &sessions);
                if self.settings.policy.max_sessions == 0 {
                    sleep(GATHER).await;
                }
            }
            Ok(ChangeResult::LeaseEnded) => {
                queue.put_back(pending);
                self.lose_lease(queue);
            }
            Ok(ChangeResult::Stale) => queue.put_back(pending),
            Err(error) => {
                queue.put_back(pending);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Notifies waiting sessions whether they were accepted, and closes those that were replaced.
    fn answer(&self, pending: Vec<PendingChange>, sessions: &[(JoinResult, ConnectionId)]) {
        for change in pending {
            let is_accepted = !sessions.contains(&(JoinResult::Rejected, change.connection));
            if let Some(answer) = change.answer {
                if !is_accepted {
                    // The bus has no entry for the session, so none has to be removed.
                    self.hub.lock().mark_absent(change.connection.number);
                }
                // A session that no longer waits has ended and removed its entry.
                let _ = answer.send(is_accepted);
            }
        }
        for (_, connection) in sessions.iter().filter(|(why, _)| *why == JoinResult::Replaced) {
            self.hub.execute(&NodeCommand::Evict(*connection));
        }
    }

    /// Clears a part of a dead node's lease. Returns false if there is nothing to clear.
    async fn clear(&mut self) -> Result<bool, BusError> {
        let Some((lease, cursor)) = self.clearing.take() else { return Ok(false) };
        // If this fails, the bus requests it from a node again.
        let next = self.hub.bus.clear_sessions(self.shard, &lease, cursor.as_deref(), &self.settings).await?;
        self.clearing = next.map(|next| (lease, Some(next)));
        Ok(true)
    }

    fn lease(&self) -> Lease {
        Lease { shard: self.shard, node: self.hub.node, epoch: self.epoch }
    }
}
