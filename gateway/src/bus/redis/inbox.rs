//! The inbox: adds client events, sends replies, and measures how many entries wait for each
//! service.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::{PubsubInterface, StreamsInterface};
use fred::types::Value;
use futures_util::future::try_join_all;
use wirebell_protocol::Shard;
use wirebell_protocol::inbox::{self, Bounds, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::script::Call;

use super::commands::{Commands, bus_error};
use super::replicated::Replicated;
use crate::bus::BusError;
use crate::telemetry::Metrics;

/// How often the waiting entries are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

/// Adds a client event. With `replicated`, a confirmed one survives a failover.
pub(super) async fn emit(
    commands: &Commands,
    replicated: Option<&Replicated>,
    from: &Emitter<'_>,
    emission: &Emission,
    bounds: &Bounds,
) -> Result<Emitted, BusError> {
    commands.require_connection()?;
    // The node's own id only has to differ from all other ids of the user.
    let id = ulid::Ulid::generate().to_string();
    let call = inbox::emit(&commands.keys, from, emission, &id, bounds);
    let answer: Vec<String> = match replicated {
        None => commands.call(&call).await?,
        Some(replicated) => call_one(replicated, &call).await?,
    };
    Emitted::read(&answer).map_err(|error| BusError::Rejected(error.to_string()))
}

async fn call_one(replicated: &Replicated, call: &Call) -> Result<Vec<String>, BusError> {
    let mut answers = replicated.call(&[call]).await;
    answers.pop().unwrap_or_else(|| Err(BusError::Unavailable("no answer".to_owned())))
}

pub(super) async fn reply(commands: &Commands, reply: &Reply) -> Result<(), BusError> {
    commands.require_connection()?;
    let (channel, message) = (commands.keys.announce_node(reply.connection.node), reply.encode());
    let receivers: Result<u64, _> = commands.client.spublish(channel, message).await;
    receivers.map(drop).map_err(|error| bus_error(&error))
}

/// Updates the metrics of the inbox for as long as the process runs.
pub(super) async fn run_metrics(commands: Arc<Commands>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(COUNT_INTERVAL.mul_f64(0.5 + fastrand::f64())).await;
        if commands.require_connection().is_err() {
            continue;
        }
        match count(&commands).await {
            Ok(backlog) => backlog.publish(&metrics),
            Err(error) => tracing::debug!(%error, "cannot count the entries of the inbox; retrying"),
        }
    }
}

/// The entries that wait in the inbox.
#[derive(Default)]
struct InboxBacklog {
    /// Unread and pending entries, by service.
    services: BTreeMap<String, (i64, i64)>,
    dead: i64,
}

async fn count(commands: &Commands) -> Result<InboxBacklog, BusError> {
    let groups = Shard::all().map(|shard| groups(commands, shard));
    let dead = Shard::all().map(|shard| commands.client.xlen(commands.keys.inbox_dead(shard)));
    let groups = try_join_all(groups).await?;
    let dead: Vec<i64> = try_join_all(dead).await.map_err(|error| bus_error(&error))?;
    let mut backlog = InboxBacklog { dead: dead.into_iter().sum(), ..InboxBacklog::default() };
    for (name, lag, pending) in groups.into_iter().flatten() {
        let service = backlog.services.entry(name).or_default();
        (service.0, service.1) = (service.0 + lag, service.1 + pending);
    }
    Ok(backlog)
}

/// Returns the services of a shard, each with its unread and its pending entries. The list is empty
/// if no client has ever emitted in the shard.
async fn groups(commands: &Commands, shard: Shard) -> Result<Vec<(String, i64, i64)>, BusError> {
    let found: Result<Vec<HashMap<String, Value>>, _> =
        commands.client.xinfo_groups(commands.keys.inbox(shard)).await;
    let found = match found {
        Err(error) if error.details().starts_with("ERR no such key") => return Ok(Vec::new()),
        found => found.map_err(|error| bus_error(&error))?,
    };
    let number = |group: &HashMap<String, Value>, name: &str| group.get(name).and_then(Value::as_i64).unwrap_or(0);
    let read = |group: HashMap<String, Value>| {
        Some((group.get("name")?.as_string()?, number(&group, "lag"), number(&group, "pending")))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

impl InboxBacklog {
    fn publish(&self, metrics: &Metrics) {
        // The reset removes services that no longer exist.
        metrics.inbox_lag.reset();
        metrics.inbox_pending.reset();
        for (service, (lag, pending)) in &self.services {
            metrics.inbox_lag.with_label_values(&[service]).set(*lag);
            metrics.inbox_pending.with_label_values(&[service]).set(*pending);
        }
        metrics.inbox_dead.set(self.dead);
    }
}
