//! Script calls that must survive a failover: they succeed only once a replica has their writes.
//!
//! `WAIT` covers the writes of its own connection. So it must follow the script on the same
//! connection, which must not be replaced in between, and it blocks that connection. These calls
//! therefore use separate connections of the redis crate, which never reconnect by themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisResult, Value};
use tokio::sync::OnceCell;
use wirebell_protocol::Keys;
use wirebell_protocol::script::{Call, Script};

use super::commands::{COMMAND_TIMEOUT, digest};
use super::discovery;
use super::endpoint::RedisEndpoint;
use super::mutex::lock;
use super::slots::{Address, Slots};
use crate::bus::BusError;

/// How long a replica may take, in milliseconds. It is shorter than the command timeout, so the
/// answer still arrives.
const REPLICA_TIMEOUT_MILLIS: u32 = 1_500;

/// The connections for these calls. They are opened on first use, and again after any failure.
pub(super) struct Replicated {
    endpoint: RedisEndpoint,
    routes: Mutex<Arc<OnceCell<Routes>>>,
}

struct Routes {
    slots: Slots,
    connections: HashMap<Address, MultiplexedConnection>,
}

/// The answer to one call.
type Answer = Result<Value, BusError>;

/// The scripts that are called with replication.
const SCRIPTS: [Script; 5] =
    [Script::Publish, Script::Schedule, Script::Register, Script::Acknowledge, Script::Emit];

impl Replicated {
    pub(super) fn new(endpoint: RedisEndpoint) -> Self {
        Self { endpoint, routes: Mutex::default() }
    }

    /// Makes the calls in order, and then waits for a replica.
    pub(super) async fn call<R: FromRedisValue>(&self, calls: &[&Call]) -> Vec<Result<R, BusError>> {
        let read = |value| redis::from_redis_value(value).map_err(|error| unavailable(&error.into()));
        self.answers(calls).await.into_iter().map(|answer| answer.and_then(read)).collect()
    }

    async fn answers(&self, calls: &[&Call]) -> Vec<Answer> {
        if calls.is_empty() {
            return Vec::new();
        }
        let cell = Arc::clone(&lock(&self.routes));
        let routes = match cell.get_or_try_init(|| self.connect()).await {
            Ok(routes) => routes,
            Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
        };
        let no_connection =
            || Err(BusError::Unavailable("no connection to the Redis server of the channel".to_owned()));
        let mut answers: Vec<Answer> = calls.iter().map(|_| no_connection()).collect();
        let pipelines = routes
            .by_connection(calls)
            .into_iter()
            .map(|(connection, indices)| async move { (run(connection.clone(), calls, &indices).await, indices) });
        for (done, indices) in join_all(pipelines).await {
            for (index, answer) in indices.into_iter().zip(done) {
                answers[index] = answer;
            }
        }
        if answers.iter().any(Result::is_err) {
            self.discard(&cell);
        }
        answers
    }

    /// Opens a connection to each owner of slots, and loads the scripts there.
    async fn connect(&self) -> Result<Routes, BusError> {
        let slots = discovery::slots(&self.endpoint, &[]).await?;
        let opened = slots.owners().into_iter().map(|owner| async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(COMMAND_TIMEOUT))
                .set_response_timeout(Some(COMMAND_TIMEOUT));
            let client = self.endpoint.client(owner)?;
            let connected = client.get_multiplexed_async_connection_with_config(&config).await;
            let mut connection = connected.map_err(|error| unavailable(&error))?;
            for script in SCRIPTS {
                let load = redis::cmd("SCRIPT").arg("LOAD").arg(script.source()).to_owned();
                load.query_async::<()>(&mut connection).await.map_err(|error| unavailable(&error))?;
            }
            Ok::<_, BusError>((owner.clone(), connection))
        });
        let connections = try_join_all(opened).await?.into_iter().collect();
        Ok(Routes { slots, connections })
    }

    /// Discards the used connections, so the next call opens new ones, unless another call has
    /// discarded them already.
    fn discard(&self, used: &Arc<OnceCell<Routes>>) {
        let mut routes = lock(&self.routes);
        if Arc::ptr_eq(&routes, used) {
            *routes = Arc::default();
        }
    }
}

impl Routes {
    /// Groups the indices of the calls by the connection of their slot.
    fn by_connection(&self, calls: &[&Call]) -> Vec<(&MultiplexedConnection, Vec<usize>)> {
        let mut grouped: HashMap<&Address, Vec<usize>> = HashMap::new();
        for (index, call) in calls.iter().enumerate() {
            if let Some(owner) = call.keys.first().and_then(|key| self.slots.owner(key)) {
                grouped.entry(owner).or_default().push(index);
            }
        }
        grouped.into_iter().filter_map(|(owner, indices)| Some((self.connections.get(owner)?, indices))).collect()
    }
}

/// Runs the calls as one pipeline that ends with the barrier and `WAIT`.
async fn run(mut connection: MultiplexedConnection, calls: &[&Call], indices: &[usize]) -> Vec<Answer> {
    let mut pipeline = redis::pipe();
    let mut barrier = String::new();
    for index in indices {
        let call = calls[*index];
        barrier = call.keys.first().map(|key| Keys::barrier(key)).unwrap_or_default();
        pipeline.cmd("EVALSHA").arg(digest(call.script)).arg(call.keys.len()).arg(&call.keys).arg(&call.arguments);
    }
    // An event that was published before writes nothing now, and `WAIT` covers only writes of this
    // connection. The barrier is a write that always happens, and comes after the earlier publish.
    pipeline.cmd("SET").arg(barrier).arg(1).arg("PX").arg(1_000);
    pipeline.cmd("WAIT").arg(1).arg(REPLICA_TIMEOUT_MILLIS);
    let answered: RedisResult<Vec<RedisResult<Value>>> =
        pipeline.ignore_errors().query_async(&mut connection).await;
    let mut answers = match answered {
        Ok(answers) => answers,
        Err(error) => return indices.iter().map(|_| Err(unavailable(&error))).collect(),
    };
    let replicated = matches!(answers.pop(), Some(Ok(Value::Int(1..))));
    let written = matches!(answers.pop(), Some(Ok(_)));
    let confirmed = |answer: RedisResult<Value>| {
        let value = answer.map_err(|error| unavailable(&error))?;
        if replicated && written { Ok(value) } else { Err(not_replicated()) }
    };
    answers.into_iter().map(confirmed).collect()
}

fn not_replicated() -> BusError {
    BusError::Unavailable(format!(
        "the primary has the event, and no replica had it within {REPLICA_TIMEOUT_MILLIS} ms; publishing it again \
         under the same id is safe"
    ))
}

fn unavailable(error: &redis::RedisError) -> BusError {
    BusError::Unavailable(error.to_string())
}
