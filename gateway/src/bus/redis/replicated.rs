//! Scripts whose work a failover must not lose: done once a replica has it, too.
//!
//! `WAIT` speaks of what its own connection has written. So it has to follow the script on the very same connection,
//! which must not be exchanged for another in between, and it keeps that connection waiting: it goes over connections
//! of its own, by the redis crate, whose connections never come back by themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisResult, Value};
use tokio::sync::OnceCell;
use wirebell_protocol::Keys;
use wirebell_protocol::script::{Call, Script};

use super::place::Place;
use super::slots::{Address, Slots};
use super::{BusError, COMMAND_TIMEOUT, discovery, lock};

/// How long a replica may take, in milliseconds: less than a command, so that the answer still comes.
const PATIENCE_MILLIS: u32 = 1_500;

/// The connections for it, opened when they are first needed, and anew after any failure.
pub(super) struct Replicated {
    place: Place,
    routes: Mutex<Arc<OnceCell<Routes>>>,
}

struct Routes {
    slots: Slots,
    connections: HashMap<Address, MultiplexedConnection>,
}

/// What one call was answered.
type Answer = Result<Value, BusError>;

/// The scripts that are called so.
const SCRIPTS: [Script; 5] =
    [Script::Publish, Script::Schedule, Script::Register, Script::Acknowledge, Script::Emit];

impl Replicated {
    pub(super) fn new(place: Place) -> Self {
        Self { place, routes: Mutex::default() }
    }

    /// Makes the calls in order, and waits for a replica behind them.
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
        let nowhere = || Err(BusError::Unavailable("no connection to the channel's Redis".to_owned()));
        let mut answers: Vec<Answer> = calls.iter().map(|_| nowhere()).collect();
        let pipelines = routes
            .sort(calls)
            .into_iter()
            .map(|(connection, places)| async move { (run(connection.clone(), calls, &places).await, places) });
        for (done, places) in join_all(pipelines).await {
            for (place, answer) in places.into_iter().zip(done) {
                answers[place] = answer;
            }
        }
        if answers.iter().any(Result::is_err) {
            self.forget(&cell);
        }
        answers
    }

    async fn connect(&self) -> Result<Routes, BusError> {
        let slots = discovery::slots(&self.place, &[]).await?;
        let opened = slots.owners().into_iter().map(|owner| async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(COMMAND_TIMEOUT))
                .set_response_timeout(Some(COMMAND_TIMEOUT));
            let client = self.place.client(owner)?;
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

    /// The next one to publish connects anew, unless somebody has done so.
    fn forget(&self, used: &Arc<OnceCell<Routes>>) {
        let mut routes = lock(&self.routes);
        if Arc::ptr_eq(&routes, used) {
            *routes = Arc::default();
        }
    }
}

impl Routes {
    /// The places of the calls, by the connection that each goes to.
    fn sort(&self, calls: &[&Call]) -> Vec<(&MultiplexedConnection, Vec<usize>)> {
        let mut sorted: HashMap<&Address, Vec<usize>> = HashMap::new();
        for (place, call) in calls.iter().enumerate() {
            if let Some(owner) = call.keys.first().and_then(|key| self.slots.owner(key)) {
                sorted.entry(owner).or_default().push(place);
            }
        }
        sorted.into_iter().filter_map(|(owner, places)| Some((self.connections.get(owner)?, places))).collect()
    }
}

/// One pipeline, with the barrier and the waiting at its end.
async fn run(mut connection: MultiplexedConnection, calls: &[&Call], places: &[usize]) -> Vec<Answer> {
    let mut pipeline = redis::pipe();
    let mut barrier = String::new();
    for place in places {
        let call = calls[*place];
        barrier = call.keys.first().map(|key| Keys::barrier(key)).unwrap_or_default();
        let digest = super::commands::digest(call.script);
        pipeline.cmd("EVALSHA").arg(digest).arg(call.keys.len()).arg(&call.keys).arg(&call.arguments);
    }
    // An event that was published before writes nothing now, and `WAIT` is about what this connection has written: so
    // that it covers what came before as well, there is always something.
    pipeline.cmd("SET").arg(barrier).arg(1).arg("PX").arg(1_000);
    pipeline.cmd("WAIT").arg(1).arg(PATIENCE_MILLIS);
    let answered: RedisResult<Vec<RedisResult<Value>>> =
        pipeline.ignore_errors().query_async(&mut connection).await;
    let mut answers = match answered {
        Ok(answers) => answers,
        Err(error) => return places.iter().map(|_| Err(unavailable(&error))).collect(),
    };
    let replicated = matches!(answers.pop(), Some(Ok(Value::Int(1..))));
    let written = matches!(answers.pop(), Some(Ok(_)));
    let confirmed = |answer: RedisResult<Value>| {
        let value = answer.map_err(|error| unavailable(&error))?;
        if replicated && written { Ok(value) } else { Err(late()) }
    };
    answers.into_iter().map(confirmed).collect()
}

fn late() -> BusError {
    BusError::Unavailable("the primary has it, but no replica had it in time".to_owned())
}

fn unavailable(error: &redis::RedisError) -> BusError {
    BusError::Unavailable(error.to_string())
}
