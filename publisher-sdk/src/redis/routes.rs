//! Routes: a connection to every primary, who has which slots, and how requests get to the right one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisResult, Value};
use tokio::sync::OnceCell;
use wirebell_protocol::Keys;
use wirebell_protocol::script::Call;

use super::failure;
use super::place::Place;
use super::scripts::{self, Digests};
use super::slots::{Address, Slots};
use crate::failure::Failure;

/// Something to ask of Redis.
pub(super) struct Request {
    what: What,
    /// It counts as done only once a replica has it.
    replicated: bool,
}

enum What {
    Call(Call),
    Command { key: String, command: Cmd },
}

/// What has to be known to connect.
pub(super) struct Manner {
    pub(super) place: Place,
    pub(super) config: AsyncConnectionConfig,
    pub(super) digests: Digests,
    pub(super) connect_timeout: Duration,
    pub(super) answer_timeout: Duration,
}

/// Every primary's connections, and who has which slots.
pub(super) struct Routes {
    manner: Arc<Manner>,
    slots: Slots,
    connections: HashMap<Address, Connections>,
}

/// The connections to one primary.
struct Connections {
    shared: MultiplexedConnection,
    /// Where replicas are waited for, opened when first needed: Redis takes nothing more from a connection that waits,
    /// and what need not wait must not be held up.
    replicated: OnceCell<MultiplexedConnection>,
}

impl Request {
    pub(super) fn call(call: Call) -> Self {
        Self { what: What::Call(call), replicated: false }
    }

    /// A command, and the key that it is about.
    pub(super) fn command(name: &str, key: &str) -> Self {
        Self::about(key, redis::cmd(name).arg(key).to_owned())
    }

    /// A command whose key is not its first argument.
    pub(super) fn about(key: &str, command: Cmd) -> Self {
        Self { what: What::Command { key: key.to_owned(), command }, replicated: false }
    }

    pub(super) fn arg(mut self, argument: impl redis::ToRedisArgs) -> Self {
        if let What::Command { command, .. } = &mut self.what {
            command.arg(argument);
        }
        self
    }

    /// It counts as done only once a replica has it, if `replicated` says so.
    pub(super) fn replicated(self, replicated: bool) -> Self {
        Self { replicated, ..self }
    }

    fn key(&self) -> &str {
        match &self.what {
            What::Call(call) => call.keys.first().map_or("", String::as_str),
            What::Command { key, .. } => key,
        }
    }

    fn add_to(&self, pipeline: &mut Pipeline, digests: &Digests) {
        match &self.what {
            What::Call(call) => digests.add(pipeline, call),
            What::Command { command, .. } => {
                pipeline.add_command(command.clone());
            }
        }
    }
}

impl Routes {
    /// Finds out where the data are, and connects to all who have some.
    pub(super) async fn open(manner: &Arc<Manner>) -> Result<Self, Failure> {
        let slots = manner.place.slots(&manner.config, manner.connect_timeout).await?;
        let opened = try_join_all(slots.owners().into_iter().map(|owner| async {
            let mut shared = manner.connect(&owner).await?;
            scripts::load(&mut shared, manner.connect_timeout, manner.place.can_move()).await?;
            Ok((owner, Connections { shared, replicated: OnceCell::new() }))
        }));
        let connections = opened.await?.into_iter().collect();
        tracing::debug!("connected to Redis");
        Ok(Self { manner: Arc::clone(manner), slots, connections })
    }

    /// One pipeline to each primary that has some of it; one answer a request. Those about one key are asked in their
    /// order.
    pub(super) async fn ask(&self, requests: &[Request]) -> Vec<Result<Value, Failure>> {
        let nowhere = || Failure::elsewhere("no connection to the Redis that has this key");
        let mut answers: Vec<Result<Value, Failure>> = requests.iter().map(|_| Err(nowhere())).collect();
        let pipelines = self.sort(requests).into_iter().map(|(owner, connections, places)| async move {
            let asked: Vec<&Request> = places.iter().map(|place| &requests[*place]).collect();
            (self.run(owner, connections, &asked).await, places)
        });
        for (done, places) in join_all(pipelines).await {
            let done = done.unwrap_or_else(|failure| {
                // The connection's fault: each of its requests shares it.
                let failure = Failure { elsewhere: true, ..failure };
                places.iter().map(|_| Err(failure.clone())).collect()
            });
            for (place, answer) in places.into_iter().zip(done) {
                answers[place] = answer;
            }
        }
        answers
    }

    /// The places of the requests, by who has their keys.
    fn sort(&self, requests: &[Request]) -> Vec<(&Address, &Connections, Vec<usize>)> {
        let all = || (0..requests.len()).collect();
        if self.connections.len() == 1 {
            return self.connections.iter().map(|(owner, only)| (owner, only, all())).collect();
        }
        let mut sorted: HashMap<&Address, Vec<usize>> = HashMap::new();
        for (place, request) in requests.iter().enumerate() {
            if let Some(owner) = self.slots.owner(request.key()) {
                sorted.entry(owner).or_default().push(place);
            }
        }
        let with_connections = |(owner, places)| Some((owner, self.connections.get::<Address>(owner)?, places));
        sorted.into_iter().filter_map(with_connections).collect()
    }

    /// One pipeline. An error is the connection's; those of single requests are among the answers.
    async fn run(
        &self,
        owner: &Address,
        connections: &Connections,
        requests: &[&Request],
    ) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let replicated = requests.iter().any(|request| request.replicated);
        let mut connection = if replicated {
            // Also for what need not be replicated: their order is that of one connection.
            connections.replicated.get_or_try_init(|| self.manner.connect(owner)).await?.clone()
        } else {
            connections.shared.clone()
        };
        let mut replies = self.manner.pipeline(&mut connection, requests).await?;
        // Somebody flushed the scripts. What was not run is run now, in its order.
        if replies.iter().any(scripts::is_missing) {
            scripts::load(&mut connection, self.manner.answer_timeout, false).await?;
            self.run_missed(&mut connection, requests, &mut replies).await?;
        }
        let timeout = self.manner.answer_timeout;
        let waited = replies.split_off(requests.len().min(replies.len()));
        let read = |reply: RedisResult<Value>| reply.map_err(|error| failure(&error, timeout));
        let mut answers: Vec<_> = replies.into_iter().map(read).collect();
        if let Some(missing) = if replicated { not_replicated(waited, timeout) } else { None } {
            for (answer, _) in answers.iter_mut().zip(requests).filter(|(_, request)| request.replicated) {
                if answer.is_ok() {
                    *answer = Err(missing.clone());
                }
            }
        }
        Ok(answers)
    }

    async fn run_missed(
        &self,
        connection: &mut MultiplexedConnection,
        requests: &[&Request],
        replies: &mut [RedisResult<Value>],
    ) -> Result<(), Failure> {
        let places: Vec<usize> =
            (0..requests.len()).filter(|place| scripts::is_missing(&replies[*place])).collect();
        let missed: Vec<&Request> = places.iter().map(|place| requests[*place]).collect();
        let again = self.manner.pipeline(connection, &missed).await?;
        // What stands behind the requests is about the replicas, if they were asked.
        for (place, answer) in places.into_iter().chain(requests.len()..).zip(again) {
            if let Some(reply) = replies.get_mut(place) {
                *reply = answer;
            }
        }
        Ok(())
    }
}

impl Manner {
    async fn connect(&self, address: &Address) -> Result<MultiplexedConnection, Failure> {
        connect(&self.place.client(address)?, address, &self.config, self.connect_timeout).await
    }

    async fn pipeline(
        &self,
        connection: &mut MultiplexedConnection,
        requests: &[&Request],
    ) -> Result<Vec<RedisResult<Value>>, Failure> {
        let mut pipeline = redis::pipe();
        for request in requests {
            request.add_to(&mut pipeline, &self.digests);
        }
        if let Some(request) = requests.iter().find(|request| request.replicated) {
            // An event that was published before writes nothing now, and `WAIT` is about what this connection has
            // written: so that it covers what came before as well, there is always something.
            pipeline.cmd("SET").arg(Keys::barrier(request.key())).arg(1).arg("PX").arg(1_000);
            pipeline.cmd("WAIT").arg(1).arg(replicas_within(self.answer_timeout).as_millis().max(1).to_string());
        }
        pipeline.ignore_errors();
        pipeline.query_async(connection).await.map_err(|error| failure(&error, self.answer_timeout))
    }
}

/// For how long replicas are waited for: an answer that they are late has to come while it is still waited for.
fn replicas_within(answer_timeout: Duration) -> Duration {
    answer_timeout / 2
}

/// What it means for those that have to be replicated, unless a replica has them.
fn not_replicated(waited: Vec<RedisResult<Value>>, answer_timeout: Duration) -> Option<Failure> {
    let last = match waited.into_iter().collect::<RedisResult<Vec<Value>>>() {
        Ok(values) => values.into_iter().next_back(),
        Err(error) => return Some(failure(&error, answer_timeout)),
    };
    if matches!(last, Some(Value::Int(1..))) {
        return None;
    }
    Some(Failure::unavailable(format!(
        "the primary has the event, and no replica had it within {:?}; publishing it again under the same id is safe",
        replicas_within(answer_timeout)
    )))
}

pub(super) async fn connect(
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
