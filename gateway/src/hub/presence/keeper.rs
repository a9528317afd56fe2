//! A keeper: it holds the node's lease in one shard, and writes there what has changed. A lease that is lost, for
//! whatever reason, is followed by the next one, under which everything is entered anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use wirebell_protocol::presence::{Admitted, Change, Changed, Lease, Past, Settings, Standing};
use wirebell_protocol::{ConnectionId, Order as Command, Shard};

use super::super::Hub;
use super::desk::{Desk, Entry};
use crate::bus::BusError;
use crate::lifecycle::next_turn;

/// How often the lease is renewed, at least: it lives five times as long.
const RENEW_EVERY: Duration = Duration::from_millis(500);
/// The pause after a batch: what comes meanwhile shares the next one.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after the bus refused, with as much again by chance.
const RETRY: Duration = Duration::from_millis(100);

struct Keeper {
    hub: Arc<Hub>,
    shard: Shard,
    settings: Settings,
    epoch: u64,
    has_lease: bool,
    /// The number of the last batch, and of the last that the bus has confirmed.
    batch: u64,
    confirmed: u64,
    /// Orders that are carried out, and that the bus need not repeat.
    done: Vec<Command>,
    /// A lease of somebody who is gone, and how far it is cleared up.
    clearing: Option<(String, Option<String>)>,
    renew_at: Instant,
}

/// Keeps the shard for as long as the process lives.
pub(super) async fn run(hub: Arc<Hub>, shard: Shard, settings: Settings) {
    let (done, renew_at) = (Vec::new(), Instant::now());
    let mut keeper = Keeper {
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
    let Some(desk) = hub.presence.desk(shard) else { return };
    while !hub.presence.has_ended.load(Ordering::Acquire) {
        if let Err(error) = keeper.step(desk).await {
            tracing::debug!(%error, shard = shard.number(), "presence is not told yet");
            sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }
}

impl Keeper {
    async fn step(&mut self, desk: &Desk) -> Result<(), BusError> {
        if Instant::now() >= self.renew_at {
            return self.renew(desk).await;
        }
        if self.has_lease && self.write(desk).await? {
            return Ok(());
        }
        if self.clear().await? {
            return Ok(());
        }
        tokio::select! {
            () = sleep_until(self.renew_at) => {}
            () = desk.news.notified(), if self.has_lease => {}
        }
        Ok(())
    }

    async fn renew(&mut self, desk: &Desk) -> Result<(), BusError> {
        let enter = !self.has_lease;
        if enter {
            (self.epoch, self.batch, self.confirmed) = (self.epoch + 1, 0, 0);
        }
        let renewed = self.hub.bus.renew(self.lease(), enter, &self.settings, &self.done).await?;
        self.renew_at = if renewed.more { Instant::now() } else { next_turn(RENEW_EVERY) };
        let metrics = &self.hub.metrics;
        let users = i64::try_from(renewed.users).unwrap_or(i64::MAX);
        metrics.presence.users.with_label_values(&[&self.shard.number().to_string()]).set(users);
        for order in &renewed.orders {
            self.hub.obey(order);
        }
        self.done = renewed.orders;
        if let Some(lease) = renewed.to_clear
            && self.clearing.is_none()
        {
            metrics.presence.cleared.inc();
            self.clearing = Some((lease, None));
        }
        match renewed.standing {
            Standing::Good if enter => self.entered(desk),
            // What was confirmed is not there any more: the bus has failed over to one that had not got it yet.
            Standing::Good if renewed.batch < self.confirmed => self.lose(desk),
            Standing::Good => {}
            Standing::Unknown => self.lose(desk),
        }
        Ok(())
    }

    fn entered(&mut self, desk: &Desk) {
        self.has_lease = true;
        desk.hold(self.epoch);
        let (hub, shard) = (&self.hub, self.shard);
        desk.restart(|| {
            let there = hub.lock().announced(shard);
            let back = |(number, owner, transport)| {
                let connection = ConnectionId { node: hub.node, number };
                Entry { past: Past::Back, connection, owner, transport, answer: None }
            };
            there.into_iter().map(back).collect()
        });
    }

    fn lose(&mut self, desk: &Desk) {
        if std::mem::replace(&mut self.has_lease, false) {
            tracing::warn!(
                shard = self.shard.number(),
                "presence has lost this node's sessions; entering them again"
            );
            self.hub.metrics.presence.lost.inc();
        }
        desk.hold(0);
        self.renew_at = Instant::now();
    }

    /// Writes a batch. False if there was none.
    async fn write(&mut self, desk: &Desk) -> Result<bool, BusError> {
        let Some(entries) = desk.take() else {
            self.lose(desk);
            return Ok(true);
        };
        if entries.is_empty() {
            return Ok(false);
        }
        self.batch += 1;
        let changes: Vec<Change> = entries.iter().map(Entry::change).collect();
        match self.hub.bus.change(self.lease(), self.batch, &self.settings, &changes).await {
            Ok(Changed::Done(sessions)) => {
                self.confirmed = self.batch;
                desk.put_back(Vec::new());
                self.answer(entries, &sessions);
                if self.settings.policy.most == 0 {
                    sleep(GATHER).await;
                }
            }
            Ok(Changed::LeaseEnded) => {
                desk.put_back(entries);
                self.lose(desk);
            }
            Ok(Changed::Late) => desk.put_back(entries),
            Err(error) => {
                desk.put_back(entries);
                return Err(error);
            }
        }
        Ok(true)
    }

    fn answer(&self, entries: Vec<Entry>, sessions: &[(Admitted, ConnectionId)]) {
        for entry in entries {
            let may_be = !sessions.contains(&(Admitted::Refused, entry.connection));
            if let Some(answer) = entry.answer {
                if !may_be {
                    // The bus does not know of it, and needs no goodbye.
                    self.hub.lock().withdraw(entry.connection.number);
                }
                // Whoever does not wait any more has said goodbye.
                let _ = answer.send(may_be);
            }
        }
        for (_, connection) in sessions.iter().filter(|(why, _)| *why == Admitted::Replaced) {
            self.hub.obey(&Command::Evict(*connection));
        }
    }

    /// Clears up a piece of what is left of a node that is gone. False if there is nothing to clear up.
    async fn clear(&mut self) -> Result<bool, BusError> {
        let Some((lease, cursor)) = self.clearing.take() else { return Ok(false) };
        // Should that fail, somebody is asked to do it again.
        let next = self.hub.bus.clear(self.shard, &lease, cursor.as_deref(), &self.settings).await?;
        self.clearing = next.map(|next| (lease, Some(next)));
        Ok(true)
    }

    fn lease(&self) -> Lease {
        Lease { shard: self.shard, node: self.hub.node, epoch: self.epoch }
    }
}
