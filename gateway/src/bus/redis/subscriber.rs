//! The node's subscriptions: one connection, which this file keeps alive and subscribes anew after every loss.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, Value};
use tokio::sync::{Notify, watch};
use wirebell_protocol::{Announcement, Channel, Keys, NodeId};

use super::super::inbox::Inbox;
use super::{BusError, COMMAND_TIMEOUT};
use crate::telemetry::Metrics;

/// Channels in one SSUBSCRIBE; measured as the size beyond which larger ones gain nothing.
const BATCH: usize = 500;
/// How often a silent link is asked whether it still lives.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// The pause before connecting again: short, since every moment of it is deafness, and jittered.
const RETRY_MILLIS: std::ops::Range<u64> = 50..250;

/// Whether the subscriptions stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkState {
    /// All of them.
    Up,
    /// Why not.
    Down(String),
}

pub(super) struct Subscriber {
    client: Client,
    keys: Keys,
    node: NodeId,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    /// What has to be listened for, whatever happens to the connection.
    wanted: Mutex<HashSet<Channel>>,
    link: Mutex<Option<MultiplexedConnection>>,
    state: watch::Sender<LinkState>,
}

impl Subscriber {
    pub(super) fn new(
        url: &str,
        keys: Keys,
        node: NodeId,
        inbox: Inbox,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BusError> {
        let refuse = |error: redis::RedisError| BusError::Refused(format!("bus.redis: {error}"));
        let info = url.into_connection_info().map_err(refuse)?;
        let resp3 = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(resp3)).map_err(refuse)?;
        let state = watch::Sender::new(LinkState::Down("not connected yet".to_owned()));
        Ok(Self { client, keys, node, inbox, metrics, wanted: Mutex::default(), link: Mutex::default(), state })
    }

    pub(super) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(super) async fn subscribe(&self, channels: &[Channel]) -> Result<(), BusError> {
        lock(&self.wanted).extend(channels.iter().cloned());
        let Some(mut link) = lock(&self.link).clone() else {
            return Err(BusError::Unavailable("the subscriptions' connection is down".to_owned()));
        };
        self.command(&mut link, "SSUBSCRIBE", channels).await?;
        self.count();
        Ok(())
    }

    pub(super) async fn unsubscribe(&self, channels: &[Channel]) {
        {
            let mut wanted = lock(&self.wanted);
            for channel in channels {
                wanted.remove(channel);
            }
        }
        let link = lock(&self.link).clone();
        if let Some(mut link) = link
            && let Err(error) = self.command(&mut link, "SUNSUBSCRIBE", channels).await
        {
            // The connection is lost, and with it the subscriptions.
            tracing::debug!(%error, "not unsubscribed");
        }
        self.count();
    }

    /// Connects, subscribes, waits until the connection is lost, and begins again.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let error = match self.connect().await {
                Ok((mut link, lost)) => {
                    let why = self.until_lost(&mut link, &lost).await;
                    self.metrics.bus_disconnections.inc();
                    why
                }
                Err(error) => error.to_string(),
            };
            *lock(&self.link) = None;
            self.state.send_replace(LinkState::Down(error));
            tokio::time::sleep(Duration::from_millis(fastrand::u64(RETRY_MILLIS))).await;
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Arc<Notify>), BusError> {
        let lost = Arc::new(Notify::new());
        let receive = receiver(self.inbox.clone(), Arc::clone(&lost), Arc::clone(&self.metrics));
        let config = AsyncConnectionConfig::new()
            .set_push_sender(receive)
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT));
        let mut link =
            self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(|e| unavailable(&e))?;
        self.ssubscribe_raw(&mut link, "SSUBSCRIBE", &[self.keys.announce_node(self.node)]).await?;
        // From here on others may subscribe on the link too; what they add meanwhile is at worst subscribed twice.
        *lock(&self.link) = Some(link.clone());
        let wanted: Vec<Channel> = lock(&self.wanted).iter().cloned().collect();
        for batch in wanted.chunks(BATCH) {
            self.command(&mut link, "SSUBSCRIBE", batch).await?;
            self.metrics.bus_resubscriptions.inc_by(batch.len() as u64);
        }
        self.count();
        // Whatever was published while nobody listened is in the logs only.
        self.inbox.missed_any();
        self.state.send_replace(LinkState::Up);
        Ok((link, lost))
    }

    async fn until_lost(&self, link: &mut MultiplexedConnection, lost: &Notify) -> String {
        loop {
            tokio::select! {
                () = lost.notified() => return "the connection was closed".to_owned(),
                () = tokio::time::sleep(PROBE_EVERY) => {
                    if let Err(error) = redis::cmd("PING").exec_async(link).await {
                        return unavailable(&error).to_string();
                    }
                }
            }
        }
    }

    async fn command(
        &self,
        link: &mut MultiplexedConnection,
        name: &'static str,
        channels: &[Channel],
    ) -> Result<(), BusError> {
        for batch in channels.chunks(BATCH) {
            let names: Vec<String> = batch.iter().map(|channel| self.keys.announce(channel)).collect();
            self.ssubscribe_raw(link, name, &names).await?;
        }
        Ok(())
    }

    async fn ssubscribe_raw(
        &self,
        link: &mut MultiplexedConnection,
        name: &'static str,
        names: &[String],
    ) -> Result<(), BusError> {
        redis::cmd(name).arg(names).exec_async(link).await.map_err(|error| unavailable(&error))
    }

    fn count(&self) {
        self.metrics.bus_subscriptions.set(i64::try_from(lock(&self.wanted).len()).unwrap_or(i64::MAX));
    }
}

/// What runs in the task that reads the socket: it must not wait, and hands everything to the bounded inbox.
fn receiver(
    inbox: Inbox,
    lost: Arc<Notify>,
    metrics: Arc<Metrics>,
) -> impl Fn(PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync + 'static {
    move |push| {
        match push.kind {
            PushKind::SMessage => match announcement(push.data) {
                Some(announcement) => inbox.offer(announcement),
                None => metrics.bus_unreadable.inc(),
            },
            PushKind::Disconnection => lost.notify_one(),
            _ => {}
        }
        Ok(())
    }
}

fn announcement(mut data: Vec<Value>) -> Option<Announcement> {
    match data.pop() {
        Some(Value::BulkString(message)) => Announcement::decode(&Bytes::from(message)).ok(),
        _ => None,
    }
}

fn unavailable(error: &redis::RedisError) -> BusError {
    BusError::Unavailable(error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
