//! One connection that listens: to the one server, or to one of a Cluster's primaries.
//!
//! The crate pairs answers with commands by their order, and counts every `sunsubscribe` as the answer to a
//! command. The one that a server sends of its own accord, when a slot leaves it, shifts the pairing if a command
//! is on its way. So each name is a command of its own (one command, one answer), commands on their way are
//! counted, and a link on which such a message met one is given up.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::Notify;
use wirebell_protocol::Message;

use super::super::intake::Intake;
use super::slots::Address;
use super::{BusError, COMMAND_TIMEOUT, canary, lock};
use crate::telemetry::Metrics;

/// Names in one pipeline; measured as the size beyond which larger ones gain nothing.
pub(super) const BATCH: usize = 500;

/// Where a link's messages go.
#[derive(Clone)]
pub(super) struct Ear {
    pub(super) intake: Intake,
    pub(super) metrics: Arc<Metrics>,
    pub(super) trouble: Arc<Trouble>,
    /// How the names of this node's canaries end, and no other name does.
    pub(super) canary: Arc<str>,
}

/// What the keeper of the links has to see to.
#[derive(Default)]
pub(super) struct Trouble {
    /// Rung at every change below, and when a link dies.
    pub(super) bell: Notify,
    /// Names whose server listens for them no longer.
    pub(super) strayed: Mutex<HashSet<String>>,
}

impl Trouble {
    pub(super) fn stray(&self, names: impl IntoIterator<Item = String>) {
        lock(&self.strayed).extend(names);
        self.bell.notify_one();
    }
}

pub(super) struct Link {
    address: Address,
    connection: MultiplexedConnection,
    watch: Arc<Watch>,
    trouble: Arc<Trouble>,
}

/// What the task that reads the socket shares with those who send.
#[derive(Default)]
struct Watch {
    dead: AtomicBool,
    /// Why it died, as far as it is known.
    cause: OnceLock<String>,
    on_their_way: AtomicUsize,
    /// The newest canary heard.
    heard: AtomicU64,
    /// Names that we ourselves unsubscribe.
    leaving: Mutex<HashSet<String>>,
}

impl Link {
    /// Connects. `must_be_primary`: to a replica it is not connected at all.
    pub(super) async fn connect(
        client: Client,
        address: Address,
        ear: Ear,
        must_be_primary: bool,
    ) -> Result<Self, BusError> {
        let (watch, trouble) = (Arc::new(Watch::default()), Arc::clone(&ear.trouble));
        let config = AsyncConnectionConfig::new()
            .set_push_sender(receiver(ear, Arc::clone(&watch)))
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| BusError::Unavailable(format!("{address}: {error}")))?;
        let link = Self { address, connection, watch, trouble };
        if must_be_primary {
            link.probe(true).await?;
        }
        Ok(link)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.watch.dead.load(Ordering::Acquire)
    }

    /// Why it is dead.
    pub(super) fn cause(&self) -> String {
        let cause = self.watch.cause.get().map_or("the connection was lost", String::as_str);
        format!("{}: {cause}", self.address)
    }

    /// The number of the newest canary heard.
    pub(super) fn heard(&self) -> u64 {
        self.watch.heard.load(Ordering::Acquire)
    }

    /// Has the server said that it does not listen for this name any more?
    pub(super) fn has_strayed(&self, name: &str) -> bool {
        lock(&self.trouble.strayed).contains(name)
    }

    /// Does the server answer, and is it still what it was?
    pub(super) async fn probe(&self, must_be_primary: bool) -> Result<(), BusError> {
        let command = redis::cmd(if must_be_primary { "ROLE" } else { "PING" });
        let mut connection = self.connection.clone();
        self.watch.on_their_way.fetch_add(1, Ordering::AcqRel);
        let answer: RedisResult<Value> = command.query_async(&mut connection).await;
        self.watch.on_their_way.fetch_sub(1, Ordering::AcqRel);
        match answer {
            Ok(answer) if must_be_primary && !is_primary(&answer) => Err(self.lost("it is no primary any more")),
            Ok(_) => Ok(()),
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }

    /// Subscribes to these names. Those that the server sends elsewhere have strayed.
    pub(super) async fn subscribe(&self, names: &[String]) -> Result<(), BusError> {
        for batch in names.chunks(BATCH) {
            let answers = self.send("SSUBSCRIBE", batch).await?;
            let refused =
                || answers.iter().zip(batch).filter_map(|(answer, name)| Some((answer.as_ref().err()?, name)));
            if let Some((error, _)) = refused().next() {
                self.trouble.stray(refused().map(|(_, name)| name.clone()));
                return Err(BusError::Unavailable(format!("{}: {error}", self.address)));
            }
        }
        Ok(())
    }

    /// Listens no longer for these.
    pub(super) async fn unsubscribe(&self, names: &[String]) -> Result<(), BusError> {
        for batch in names.chunks(BATCH) {
            lock(&self.watch.leaving).extend(batch.iter().cloned());
            self.send("SUNSUBSCRIBE", batch).await?;
            // A server that has lost the slot answers with an error: then nobody listens there anyhow.
            let mut leaving = lock(&self.watch.leaving);
            for name in batch {
                leaving.remove(name);
            }
        }
        Ok(())
    }

    async fn send(&self, word: &'static str, names: &[String]) -> Result<Vec<RedisResult<Value>>, BusError> {
        let mut pipeline = redis::pipe();
        for name in names {
            pipeline.cmd(word).arg(name);
        }
        let mut connection = self.connection.clone();
        self.watch.on_their_way.fetch_add(1, Ordering::AcqRel);
        let answers = pipeline.ignore_errors().query_async(&mut connection).await;
        self.watch.on_their_way.fetch_sub(1, Ordering::AcqRel);
        answers.map_err(|error| self.lost(&error.to_string()))
    }

    /// After a command without an answer nobody knows what stands.
    pub(super) fn lost(&self, why: &str) -> BusError {
        let _ = self.watch.cause.set(why.to_owned());
        self.watch.dead.store(true, Ordering::Release);
        self.trouble.bell.notify_one();
        BusError::Unavailable(format!("{}: {why}", self.address))
    }
}

/// What runs in the task that reads the socket: it must not wait, and hands everything to the bounded intake.
fn receiver(ear: Ear, watch: Arc<Watch>) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
    move |push| {
        match push.kind {
            PushKind::SMessage if is_canary(&push.data, &ear.canary) => {
                if let Some(number) = canary_number(&push.data) {
                    watch.heard.fetch_max(number, Ordering::AcqRel);
                }
            }
            PushKind::SMessage => match message(push.data) {
                Some(message) => ear.intake.offer(message),
                None => ear.metrics.bus_unreadable.inc(),
            },
            PushKind::SUnsubscribe => {
                if let Some(name) = name(push.data).filter(|name| !lock(&watch.leaving).remove(name)) {
                    if watch.on_their_way.load(Ordering::Acquire) > 0 {
                        watch.dead.store(true, Ordering::Release);
                    }
                    ear.trouble.stray([name]);
                }
            }
            PushKind::Disconnection => {
                watch.dead.store(true, Ordering::Release);
                ear.trouble.bell.notify_one();
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_canary(data: &[Value], ending: &str) -> bool {
    matches!(data.first(), Some(Value::BulkString(name)) if name.ends_with(ending.as_bytes()))
}

fn canary_number(data: &[Value]) -> Option<u64> {
    match data.last() {
        Some(Value::BulkString(message)) => canary::number(message),
        _ => None,
    }
}

fn message(mut data: Vec<Value>) -> Option<Message> {
    match data.pop() {
        Some(Value::BulkString(message)) => Message::decode(&Bytes::from(message)).ok(),
        _ => None,
    }
}

fn name(data: Vec<Value>) -> Option<String> {
    match data.into_iter().next() {
        Some(Value::BulkString(name)) => String::from_utf8(name).ok(),
        _ => None,
    }
}

fn is_primary(role: &Value) -> bool {
    matches!(role, Value::Array(parts) if matches!(parts.first(), Some(Value::BulkString(role)) if role == b"master"))
}
