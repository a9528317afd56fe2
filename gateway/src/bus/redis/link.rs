//! One pub/sub connection: to the only server, or to one primary of a Cluster.
//!
//! The redis crate pairs answers with commands by their order, and counts every `sunsubscribe` as
//! the answer to a command. A server also sends one unasked when a slot leaves it, which shifts the
//! pairing if a command is in flight. So each name is a command of its own (one command, one
//! answer), and commands in flight are counted. A link that gets such a message while a command is
//! in flight is abandoned.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::Notify;
use wirebell_protocol::Message;

use super::commands::COMMAND_TIMEOUT;
use super::mutex::lock;
use super::slots::Address;
use crate::bus::BusError;
use crate::bus::delivery_queue::DeliverySender;
use crate::telemetry::Metrics;

/// Names per pipeline. Measured: larger pipelines are not faster.
pub(super) const BATCH: usize = 500;

/// Receives the messages of a link.
#[derive(Clone)]
pub(super) struct MessageSink {
    pub(super) sender: DeliverySender,
    pub(super) metrics: Arc<Metrics>,
    pub(super) errors: Arc<LinkErrors>,
    /// The suffix that only the names of this node's canary channels have.
    pub(super) canary_suffix: Arc<str>,
}

/// The problems of links that the subscriber must fix.
#[derive(Default)]
pub(super) struct LinkErrors {
    /// Notified at every change below, and when a link fails.
    pub(super) changed: Notify,
    /// Names whose server no longer holds their subscription.
    pub(super) lost_names: Mutex<HashSet<String>>,
}

impl LinkErrors {
    pub(super) fn add_lost(&self, names: impl IntoIterator<Item = String>) {
        lock(&self.lost_names).extend(names);
        self.changed.notify_one();
    }
}

pub(super) struct Link {
    address: Address,
    connection: MultiplexedConnection,
    shared: Arc<Shared>,
    errors: Arc<LinkErrors>,
}

/// The state that the task reading the socket shares with the senders of commands.
#[derive(Default)]
struct Shared {
    dead: AtomicBool,
    /// Why the link died, if known.
    cause: OnceLock<String>,
    commands_in_flight: AtomicUsize,
    /// The number of the newest canary received.
    last_canary: AtomicU64,
    /// Names that this node is unsubscribing from.
    unsubscribing: Mutex<HashSet<String>>,
}

impl Link {
    /// Connects to a server. With `must_be_primary`, connecting to a replica is an error.
    pub(super) async fn connect(
        client: Client,
        address: Address,
        sink: MessageSink,
        must_be_primary: bool,
    ) -> Result<Self, BusError> {
        let (shared, errors) = (Arc::new(Shared::default()), Arc::clone(&sink.errors));
        let config = AsyncConnectionConfig::new()
            .set_push_sender(receiver(sink, Arc::clone(&shared)))
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| BusError::Unavailable(format!("{address}: {error}")))?;
        let link = Self { address, connection, shared, errors };
        if must_be_primary {
            link.probe(true).await?;
        }
        Ok(link)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.shared.dead.load(Ordering::Acquire)
    }

    /// Returns why the link is dead.
    pub(super) fn cause(&self) -> String {
        let cause = self.shared.cause.get().map_or("the connection was lost", String::as_str);
        format!("{}: {cause}", self.address)
    }

    /// Returns the number of the newest canary received.
    pub(super) fn last_canary(&self) -> u64 {
        self.shared.last_canary.load(Ordering::Acquire)
    }

    /// Returns whether the server has ended the subscription of this name.
    pub(super) fn has_lost(&self, name: &str) -> bool {
        lock(&self.errors.lost_names).contains(name)
    }

    /// Checks that the server answers, and is still a primary if it must be one.
    pub(super) async fn probe(&self, must_be_primary: bool) -> Result<(), BusError> {
        let command = redis::cmd(if must_be_primary { "ROLE" } else { "PING" });
        let mut connection = self.connection.clone();
        self.shared.commands_in_flight.fetch_add(1, Ordering::AcqRel);
        let answer: RedisResult<Value> = command.query_async(&mut connection).await;
        self.shared.commands_in_flight.fetch_sub(1, Ordering::AcqRel);
        match answer {
            Ok(answer) if must_be_primary && !is_primary(&answer) => {
                Err(self.fail("the server is no longer a primary"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    /// Subscribes to names. Names that the server redirects are added to the lost ones.
    pub(super) async fn subscribe(&self, names: &[String]) -> Result<(), BusError> {
        for batch in names.chunks(BATCH) {
            let answers = self.send("SSUBSCRIBE", batch).await?;
            let failed =
                || answers.iter().zip(batch).filter_map(|(answer, name)| Some((answer.as_ref().err()?, name)));
            if let Some((error, _)) = failed().next() {
                self.errors.add_lost(failed().map(|(_, name)| name.clone()));
                return Err(BusError::Unavailable(format!("{}: {error}", self.address)));
            }
        }
        Ok(())
    }

    /// Unsubscribes from names.
    pub(super) async fn unsubscribe(&self, names: &[String]) -> Result<(), BusError> {
        for batch in names.chunks(BATCH) {
            lock(&self.shared.unsubscribing).extend(batch.iter().cloned());
            self.send("SUNSUBSCRIBE", batch).await?;
            // A server that no longer owns the slot answers with an error, and holds no
            // subscription then.
            let mut unsubscribing = lock(&self.shared.unsubscribing);
            for name in batch {
                unsubscribing.remove(name);
            }
        }
        Ok(())
    }

    async fn send(&self, command: &'static str, names: &[String]) -> Result<Vec<RedisResult<Value>>, BusError> {
        let mut pipeline = redis::pipe();
        for name in names {
            pipeline.cmd(command).arg(name);
        }
        let mut connection = self.connection.clone();
        self.shared.commands_in_flight.fetch_add(1, Ordering::AcqRel);
        let answers = pipeline.ignore_errors().query_async(&mut connection).await;
        self.shared.commands_in_flight.fetch_sub(1, Ordering::AcqRel);
        answers.map_err(|error| self.fail(&error.to_string()))
    }

    /// Marks the link as dead: after a command without an answer, its subscriptions are unknown.
    pub(super) fn fail(&self, why: &str) -> BusError {
        let _ = self.shared.cause.set(why.to_owned());
        self.shared.dead.store(true, Ordering::Release);
        self.errors.changed.notify_one();
        BusError::Unavailable(format!("{}: {why}", self.address))
    }
}

/// Returns the handler of push messages. It runs in the task that reads the socket, so it must not
/// wait, and passes everything to the bounded delivery queue.
fn receiver(
    sink: MessageSink,
    shared: Arc<Shared>,
) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
    move |push| {
        match push.kind {
            PushKind::SMessage if is_canary(&push.data, &sink.canary_suffix) => {
                if let Some(number) = canary_number(&push.data) {
                    shared.last_canary.fetch_max(number, Ordering::AcqRel);
                }
            }
            PushKind::SMessage => match message(push.data) {
                Some(message) => sink.sender.send(message),
                None => sink.metrics.bus_unreadable.inc(),
            },
            PushKind::SUnsubscribe => {
                if let Some(name) = name(push.data).filter(|name| !lock(&shared.unsubscribing).remove(name)) {
                    if shared.commands_in_flight.load(Ordering::Acquire) > 0 {
                        shared.dead.store(true, Ordering::Release);
                    }
                    sink.errors.add_lost([name]);
                }
            }
            PushKind::Disconnection => {
                shared.dead.store(true, Ordering::Release);
                sink.errors.changed.notify_one();
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_canary(data: &[Value], suffix: &str) -> bool {
    matches!(data.first(), Some(Value::BulkString(name)) if name.ends_with(suffix.as_bytes()))
}

/// Returns the number that a message on a canary channel carries.
fn canary_number(data: &[Value]) -> Option<u64> {
    match data.last() {
        Some(Value::BulkString(message)) => str::from_utf8(message).ok()?.parse().ok(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canary_message_is_a_number() {
        let number = |message: &[u8]| canary_number(&[Value::BulkString(message.to_vec())]);
        assert_eq!((number(b"12"), number(b"x"), number(&[0xff])), (Some(12), None, None));
    }
}
