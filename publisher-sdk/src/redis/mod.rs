//! Redis as the bus: one multiplexed connection to every primary, opened at need and again after a loss, and
//! pipelines of the publish script. One server is the case of one primary that has all slots. This folder alone
//! names the `redis` crate.
//!
//! The crate's connection ends with its socket and never comes back by itself: every request on it then fails at
//! once. So after a failure all connections are taken out of their place, and the next request finds out where the
//! data are and opens others. Loading the script belongs to opening, since a Redis that was restarted or failed over
//! has forgotten it.

mod place;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::OnceCell;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Outcome, Prepared};

use self::place::Place;
use self::slots::{Address, Slots};
use crate::delivery::Waiting;
use crate::error::{ConnectError, PublishError, Refusal};
use crate::failure::Failure;
use crate::pipeline::{Batches, Tally};
use crate::transport::Options;

/// Redis: one server, one behind sentinels, or a Cluster.
pub(crate) struct RedisBus {
    place: Place,
    config: AsyncConnectionConfig,
    script_hash: String,
    options: Options,
    /// The connections of now. All who find it empty wait for one of them to fill it.
    slot: Mutex<Slot>,
}

type Slot = Arc<OnceCell<Routes>>;

/// Every primary's connection, and who has which slots.
struct Routes {
    slots: Slots,
    connections: HashMap<Address, MultiplexedConnection>,
}

impl RedisBus {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let place = Place::of(url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let script_hash = redis::Script::new(PublishScript::SOURCE).get_hash().to_owned();
        Ok(Self { place, config, script_hash, options, slot: Mutex::default() })
    }

    /// Opens the connections if there are none.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        self.slot().get_or_try_init(|| Box::pin(self.connect())).await.map(drop)
    }

    /// Sends the events as pipelines, one batch after the other.
    pub(crate) async fn send(&self, events: &[Waiting]) -> Vec<Result<Outcome, Failure>> {
        let slot = self.slot();
        let mut tally = Tally::new(events);
        let routes = match slot.get_or_try_init(|| Box::pin(self.connect())).await {
            Ok(routes) => routes,
            Err(failure) => return tally.finish(&failure),
        };
        for batch in Batches::new(events) {
            tally.add(&batch, self.publish(routes, &batch).await);
            if let Some(failure) = tally.stopped() {
                if tally.is_elsewhere() {
                    self.forget(&slot);
                }
                return tally.finish(&failure);
            }
        }
        tally.finish(&Failure::unavailable("not every channel was answered for"))
    }

    /// One batch, as a pipeline to each primary that has some of its channels. All of a channel are in one pipeline,
    /// in their order.
    async fn publish(&self, routes: &Routes, batch: &[(usize, Prepared)]) -> Vec<Result<Accepted, Failure>> {
        let nowhere =
            || Failure { elsewhere: true, ..Failure::unavailable("no connection to the channel's Redis") };
        let mut answers: Vec<Result<Accepted, Failure>> = batch.iter().map(|_| Err(nowhere())).collect();
        let pipelines = self.sort(routes, batch).into_iter().map(|(connection, places)| async move {
            let events: Vec<&Prepared> = places.iter().map(|place| &batch[*place].1).collect();
            let done = self.run_all(&mut connection.clone(), &events).await;
            (places, done)
        });
        for (places, done) in join_all(pipelines).await {
            let done = done.unwrap_or_else(|failure| {
                // The connection's fault: each of its commands shares it.
                let failure = Failure { elsewhere: true, ..failure };
                places.iter().map(|_| Err(failure.clone())).collect()
            });
            for (place, answer) in places.into_iter().zip(done) {
                answers[place] = answer;
            }
        }
        answers
    }

    /// The places of the events in the batch, by the connection that each goes to.
    fn sort<'a>(
        &self,
        routes: &'a Routes,
        batch: &[(usize, Prepared)],
    ) -> Vec<(&'a MultiplexedConnection, Vec<usize>)> {
        if routes.connections.len() == 1 {
            return routes.connections.values().map(|only| (only, (0..batch.len()).collect())).collect();
        }
        let mut sorted: HashMap<&Address, Vec<usize>> = HashMap::new();
        for (place, (_, event)) in batch.iter().enumerate() {
            if let Some(owner) = routes.slots.owner(&self.options.keys.log(&event.channel)) {
                sorted.entry(owner).or_default().push(place);
            }
        }
        sorted.into_iter().filter_map(|(owner, places)| Some((routes.connections.get(owner)?, places))).collect()
    }

    /// One pipeline. An error is the connection's; those of single commands are among the answers.
    async fn run_all(
        &self,
        connection: &mut MultiplexedConnection,
        events: &[&Prepared],
    ) -> Result<Vec<Result<Accepted, Failure>>, Failure> {
        let mut replies = self.run(connection, events.iter().copied()).await?;
        // Somebody flushed the scripts. What was not run is run now, in its order.
        if replies.iter().any(is_no_script) {
            load_script(connection, self.options.answer_timeout, false).await?;
            let missed = || replies.iter().zip(events).filter(|(reply, _)| is_no_script(reply));
            let mut again = self.run(connection, missed().map(|(_, event)| *event)).await?.into_iter();
            for reply in replies.iter_mut().filter(|reply| is_no_script(reply)) {
                if let Some(answer) = again.next() {
                    *reply = answer;
                }
            }
        }
        Ok(replies.into_iter().map(|reply| self.read(reply)).collect())
    }

    async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        events: impl Iterator<Item = &Prepared>,
    ) -> Result<Vec<RedisResult<String>>, Failure> {
        let mut pipeline = redis::pipe();
        for event in events {
            let keys = PublishScript::keys(&self.options.keys, event);
            let arguments = PublishScript::arguments(event, &self.options.retention);
            pipeline.cmd("EVALSHA").arg(&self.script_hash).arg(keys.len()).arg(&keys).arg(&arguments);
        }
        pipeline.ignore_errors();
        pipeline.query_async(connection).await.map_err(|error| failure(&error, self.options.answer_timeout))
    }

    fn read(&self, reply: RedisResult<String>) -> Result<Accepted, Failure> {
        let text = reply.map_err(|error| failure(&error, self.options.answer_timeout))?;
        PublishScript::reply(&text).map_err(|error| {
            Failure::event(PublishError::Refused(Refusal::new(None, "bad_reply", error.to_string())))
        })
    }

    /// Finds out where the data are, and connects to all who have some.
    async fn connect(&self) -> Result<Routes, Failure> {
        let timeout = self.options.connect_timeout;
        let slots = self.place.slots(&self.config, timeout).await?;
        let opened = try_join_all(slots.owners().into_iter().map(|owner| async {
            let mut connection = connect(&self.place.client(&owner)?, &owner, &self.config, timeout).await?;
            load_script(&mut connection, timeout, self.place.can_move()).await?;
            Ok((owner, connection))
        }));
        let connections = opened.await?.into_iter().collect();
        tracing::debug!("connected to Redis");
        Ok(Routes { slots, connections })
    }

    fn slot(&self) -> Slot {
        Arc::clone(&self.slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the connections out, unless somebody has put others there since.
    fn forget(&self, used: &Slot) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&slot, used) {
            *slot = Slot::default();
        }
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisBus").field(&self.place).finish()
    }
}

async fn connect(
    client: &Client,
    address: &Address,
    config: &AsyncConnectionConfig,
    timeout: Duration,
) -> Result<MultiplexedConnection, Failure> {
    client.get_multiplexed_async_connection_with_config(config).await.map_err(|error| match error.kind() {
        ErrorKind::Io if error.is_timeout() => {
            Failure::unavailable(format!("no connection to Redis at {address} within {timeout:?}"))
        }
        ErrorKind::Io => Failure::unavailable(format!("no connection to Redis at {address}: {error}")),
        _ => failure(&error, timeout),
    })
}

/// Loads the script, and makes sure that this Redis has what the script calls: an older one would append to the log
/// and then fail to announce.
async fn load_script(
    connection: &mut MultiplexedConnection,
    timeout: Duration,
    must_be_primary: bool,
) -> Result<(), Failure> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("SCRIPT").arg("LOAD").arg(PublishScript::SOURCE);
    pipeline.cmd("COMMAND").arg("INFO").arg("SPUBLISH");
    if must_be_primary {
        pipeline.cmd("ROLE");
    }
    let replies: Vec<RedisResult<Value>> =
        pipeline.ignore_errors().query_async(connection).await.map_err(|error| failure(&error, timeout))?;
    if let Some(Err(error)) = replies.first() {
        return Err(failure(error, timeout));
    }
    if replies.get(2).is_some_and(is_replica) {
        return Err(Failure::unavailable("this Redis is a replica now, and nobody knows yet who took its place"));
    }
    match replies.get(1) {
        Some(Ok(Value::Array(commands))) if commands.first() == Some(&Value::Nil) => {
            let detail = "Redis 7 or Valkey 7.2 is needed: this one has no sharded pub/sub";
            Err(Failure::door(Refusal::new(None, "too_old", detail)))
        }
        // It may also be hidden from this user, which says nothing.
        _ => Ok(()),
    }
}

fn is_replica(role: &RedisResult<Value>) -> bool {
    match role {
        Ok(Value::Array(parts)) => parts.first() != Some(&Value::BulkString(b"master".to_vec())),
        // It may be hidden from this user: then a write will tell.
        _ => false,
    }
}

fn is_no_script<T>(reply: &RedisResult<T>) -> bool {
    reply.as_ref().is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
}

fn failure(error: &RedisError, waited: Duration) -> Failure {
    if error.is_timeout() {
        return Failure::timed_out(waited);
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        let detail = "Redis does not know this user with this password";
        return Failure::door(Refusal::new(None, "WRONGPASS", detail));
    }
    let Some(code) = error.code() else { return Failure::unavailable(error.to_string()) };
    let detail = error.detail().unwrap_or("no detail given");
    crate::redis_error::judge(code, detail)
}
