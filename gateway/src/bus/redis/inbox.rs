//! The inbox: what clients emit goes into it, replies come out of it, and how far services are with it is counted.

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

use super::super::BusError;
use super::commands::{Commands, failed};
use super::replicated::Replicated;
use crate::telemetry::Metrics;

/// How often it is counted what waits for services.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// With `replicated`, what is answered survives a failover.
pub(super) async fn emit(
    commands: &Commands,
    replicated: Option<&Replicated>,
    from: &Emitter<'_>,
    emission: &Emission,
    bounds: &Bounds,
) -> Result<Emitted, BusError> {
    commands.connected()?;
    // An id of the node's own only has to differ from all others of the user.
    let id = ulid::Ulid::generate().to_string();
    let call = inbox::emit(&commands.keys, from, emission, &id, bounds);
    let words: Vec<String> = match replicated {
        None => commands.call(&call).await?,
        Some(replicated) => alone(replicated, &call).await?,
    };
    Emitted::read(&words).map_err(|error| BusError::Refused(error.to_string()))
}

async fn alone(replicated: &Replicated, call: &Call) -> Result<Vec<String>, BusError> {
    let mut answers = replicated.call(&[call]).await;
    answers.pop().unwrap_or_else(|| Err(BusError::Unavailable("no answer".to_owned())))
}

pub(super) async fn reply(commands: &Commands, reply: &Reply) -> Result<(), BusError> {
    commands.connected()?;
    let (channel, message) = (commands.keys.announce_node(reply.connection.node), reply.encode());
    let told: Result<u64, _> = commands.client.spublish(channel, message).await;
    told.map(drop).map_err(|error| failed(&error))
}

/// Counts what waits for services, for as long as the process lives.
pub(super) async fn watch(commands: Arc<Commands>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(COUNT_EVERY.mul_f64(0.5 + fastrand::f64())).await;
        if commands.connected().is_err() {
            continue;
        }
        match count(&commands).await {
            Ok(counted) => counted.tell(&metrics),
            Err(error) => tracing::debug!(%error, "what waits in the inbox is not known"),
        }
    }
}

/// What waits, by service.
#[derive(Default)]
struct Counted {
    services: BTreeMap<String, (i64, i64)>,
    dead: i64,
}

async fn count(commands: &Commands) -> Result<Counted, BusError> {
    let groups = Shard::all().map(|shard| groups(commands, shard));
    let dead = Shard::all().map(|shard| commands.client.xlen(commands.keys.inbox_dead(shard)));
    let groups = try_join_all(groups).await?;
    let dead: Vec<i64> = try_join_all(dead).await.map_err(|error| failed(&error))?;
    let mut counted = Counted { dead: dead.into_iter().sum(), ..Counted::default() };
    for (name, lag, pending) in groups.into_iter().flatten() {
        let service = counted.services.entry(name).or_default();
        (service.0, service.1) = (service.0 + lag, service.1 + pending);
    }
    Ok(counted)
}

/// The services of a shard, each with what it has not read and what it has in its hands. None where nobody has ever emitted.
async fn groups(commands: &Commands, shard: Shard) -> Result<Vec<(String, i64, i64)>, BusError> {
    let found: Result<Vec<HashMap<String, Value>>, _> =
        commands.client.xinfo_groups(commands.keys.inbox(shard)).await;
    let found = match found {
        Err(error) if error.details().starts_with("ERR no such key") => return Ok(Vec::new()),
        found => found.map_err(|error| failed(&error))?,
    };
    let number = |group: &HashMap<String, Value>, name: &str| group.get(name).and_then(Value::as_i64).unwrap_or(0);
    let read = |group: HashMap<String, Value>| {
        Some((group.get("name")?.as_string()?, number(&group, "lag"), number(&group, "pending")))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

impl Counted {
    fn tell(&self, metrics: &Metrics) {
        // A service that is gone is not shown with what it had last.
        metrics.inbox_lag.reset();
        metrics.inbox_pending.reset();
        for (service, (lag, pending)) in &self.services {
            metrics.inbox_lag.with_label_values(&[service]).set(*lag);
            metrics.inbox_pending.with_label_values(&[service]).set(*pending);
        }
        metrics.inbox_dead.set(self.dead);
    }
}
