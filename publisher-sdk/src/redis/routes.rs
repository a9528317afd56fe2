//! Connections to every primary, the owners of the slots, and the routing of requests by key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisResult, Value};
use tokio::sync::OnceCell;
use wirebell_protocol::Keys;
use wirebell_protocol::script::Call;

use super::connection::connect;
use super::endpoint::RedisEndpoint;
use super::failure;
use super::scripts::{self, Digests};
use super::slots::{Address, Slots};
use crate::failure::Failure;

/// A request to Redis: a script call or a command.
pub(super) struct Request {
    body: RequestBody,
    /// The request succeeds only once a replica has the data.
    replicated: bool,
}

enum RequestBody {
    Call(Call),
    Command { key: String, command: Cmd },
}

/// What is needed to open connections.
pub(super) struct Connector {
    pub(super) endpoint: RedisEndpoint,
    pub(super) config: AsyncConnectionConfig,
    pub(super) digests: Digests,
    pub(super) connect_timeout: Duration,
    pub(super) answer_timeout: Duration,
}

/// The connections to all primaries, and the owners of the slots.
pub(super) struct Routes {
    connector: Arc<Connector>,
    slots: Slots,
    connections: HashMap<Address, Connections>,
}

/// The connections to one primary.
struct Connections {
    shared: MultiplexedConnection,
    /// For requests that wait for replicas, opened on first use. Redis blocks a connection during
    /// `WAIT`, and other requests must not be held up.
    replicated: OnceCell<MultiplexedConnection>,
}

impl Request {
    pub(super) fn call(call: Call) -> Self {
        Self { body: RequestBody::Call(call), replicated: false }
    }

    /// A command whose first argument is its key.
    pub(super) fn command(name: &str, key: &str) -> Self {
        Self::with_key(key, redis::cmd(name).arg(key).to_owned())
    }

    /// A command whose key is not its first argument.
    pub(super) fn with_key(key: &str, command: Cmd) -> Self {
        Self { body: RequestBody::Command { key: key.to_owned(), command }, replicated: false }
    }

    pub(super) fn arg(mut self, argument: impl redis::ToRedisArgs) -> Self {
        if let RequestBody::Command { command, .. } = &mut self.body {
            command.arg(argument);
        }
        self
    }

    /// Sets whether the request succeeds only once a replica has the data.
    pub(super) fn replicated(self, replicated: bool) -> Self {
        Self { replicated, ..self }
    }

    fn key(&self) -> &str {
        match &self.body {
            RequestBody::Call(call) => call.keys.first().map_or("", String::as_str),
            RequestBody::Command { key, .. } => key,
        }
    }

    fn add_to(&self, pipeline: &mut Pipeline, digests: &Digests) {
        match &self.body {
            RequestBody::Call(call) => digests.add(pipeline, call),
            RequestBody::Command { command, .. } => {
                pipeline.add_command(command.clone());
            }
        }
    }
}

impl Routes {
    /// Discovers the topology and connects to every primary that owns slots.
    pub(super) async fn open(connector: &Arc<Connector>) -> Result<Self, Failure> {
        let slots = connector.endpoint.slots(&connector.config, connector.connect_timeout).await?;
        let opened = try_join_all(slots.owners().into_iter().map(|owner| async {
            let mut shared = connector.connect(&owner).await?;
            scripts::load(&mut shared, connector.connect_timeout, connector.endpoint.can_fail_over()).await?;
            Ok((owner, Connections { shared, replicated: OnceCell::new() }))
        }));
        let connections = opened.await?.into_iter().collect();
        tracing::debug!("connected to Redis");
        Ok(Self { connector: Arc::clone(connector), slots, connections })
    }

    /// Sends one pipeline to each primary concerned and returns one reply for each request.
    /// Requests for the same key are executed in order.
    pub(super) async fn execute(&self, requests: &[Request]) -> Vec<Result<Value, Failure>> {
        let unrouted = || Failure::reconnect("no connection to the Redis server that owns this key");
        let mut answers: Vec<Result<Value, Failure>> = requests.iter().map(|_| Err(unrouted())).collect();
        let pipelines = self.group_by_owner(requests).into_iter().map(|(owner, connections, indexes)| async move {
            let batch: Vec<&Request> = indexes.iter().map(|index| &requests[*index]).collect();
            (self.run(owner, connections, &batch).await, indexes)
        });
        for (done, indexes) in join_all(pipelines).await {
            let done = done.unwrap_or_else(|failure| {
                // The connection failed, and all of its requests with it.
                let failure = Failure { reconnect: true, ..failure };
                indexes.iter().map(|_| Err(failure.clone())).collect()
            });
            for (index, answer) in indexes.into_iter().zip(done) {
                answers[index] = answer;
            }
        }
        answers
    }

    /// Groups the indexes of the requests by the owners of their keys.
    fn group_by_owner(&self, requests: &[Request]) -> Vec<(&Address, &Connections, Vec<usize>)> {
        let all = || (0..requests.len()).collect();
        if self.connections.len() == 1 {
            return self.connections.iter().map(|(owner, only)| (owner, only, all())).collect();
        }
        let mut grouped: HashMap<&Address, Vec<usize>> = HashMap::new();
        for (index, request) in requests.iter().enumerate() {
            if let Some(owner) = self.slots.owner(request.key()) {
                grouped.entry(owner).or_default().push(index);
            }
        }
        let with_connections = |(owner, indexes)| Some((owner, self.connections.get::<Address>(owner)?, indexes));
        grouped.into_iter().filter_map(with_connections).collect()
    }

    /// Runs one pipeline. An `Err` is a connection failure; errors of single requests are among the
    /// replies.
    async fn run(
        &self,
        owner: &Address,
        connections: &Connections,
        requests: &[&Request],
    ) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let replicated = requests.iter().any(|request| request.replicated);
        let mut connection = if replicated {
            // Unreplicated requests use it too, since only one connection keeps the order.
            connections.replicated.get_or_try_init(|| self.connector.connect(owner)).await?.clone()
        } else {
            connections.shared.clone()
        };
        let mut replies = self.connector.pipeline(&mut connection, requests).await?;
        // The scripts were flushed: load them and execute the missed calls, in order.
        if replies.iter().any(scripts::is_missing) {
            scripts::load(&mut connection, self.connector.answer_timeout, false).await?;
            self.rerun_missing(&mut connection, requests, &mut replies).await?;
        }
        let timeout = self.connector.answer_timeout;
        let wait_replies = replies.split_off(requests.len().min(replies.len()));
        let read = |reply: RedisResult<Value>| reply.map_err(|error| failure(&error, timeout));
        let mut answers: Vec<_> = replies.into_iter().map(read).collect();
        if let Some(missing) = if replicated { not_replicated(wait_replies, timeout) } else { None } {
            for (answer, _) in answers.iter_mut().zip(requests).filter(|(_, request)| request.replicated) {
                if answer.is_ok() {
                    *answer = Err(missing.clone());
                }
            }
        }
        Ok(answers)
    }

    /// Repeats the calls whose script was missing, and puts their replies in place.
    async fn rerun_missing(
        &self,
        connection: &mut MultiplexedConnection,
        requests: &[&Request],
        replies: &mut [RedisResult<Value>],
    ) -> Result<(), Failure> {
        let indexes: Vec<usize> =
            (0..requests.len()).filter(|index| scripts::is_missing(&replies[*index])).collect();
        let missed: Vec<&Request> = indexes.iter().map(|index| requests[*index]).collect();
        let again = self.connector.pipeline(connection, &missed).await?;
        // Replies after those of the requests are about the replicas, if they were requested.
        for (index, answer) in indexes.into_iter().chain(requests.len()..).zip(again) {
            if let Some(reply) = replies.get_mut(index) {
                *reply = answer;
            }
        }
        Ok(())
    }
}

impl Connector {
    async fn connect(&self, address: &Address) -> Result<MultiplexedConnection, Failure> {
        connect(&self.endpoint.client(address)?, address, &self.config, self.connect_timeout).await
    }

    /// Sends the requests as one pipeline, with `WAIT` at its end if one must be replicated.
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
            // A repeated event writes nothing, and `WAIT` covers only what this connection has
            // written. This write makes `WAIT` cover the earlier one as well.
            pipeline.cmd("SET").arg(Keys::barrier(request.key())).arg(1).arg("PX").arg(1_000);
            pipeline.cmd("WAIT").arg(1).arg(replica_timeout(self.answer_timeout).as_millis().max(1).to_string());
        }
        pipeline.ignore_errors();
        pipeline.query_async(connection).await.map_err(|error| failure(&error, self.answer_timeout))
    }
}

/// Returns the timeout for replicas. It is shorter than the response timeout, since a late reply
/// must still arrive.
fn replica_timeout(answer_timeout: Duration) -> Duration {
    answer_timeout / 2
}

/// Returns the failure of replicated requests, unless a replica has the data.
fn not_replicated(wait_replies: Vec<RedisResult<Value>>, answer_timeout: Duration) -> Option<Failure> {
    let last = match wait_replies.into_iter().collect::<RedisResult<Vec<Value>>>() {
        Ok(values) => values.into_iter().next_back(),
        Err(error) => return Some(failure(&error, answer_timeout)),
    };
    if matches!(last, Some(Value::Int(1..))) {
        return None;
    }
    Some(Failure::unavailable(format!(
        "the primary has the event, but no replica had it within {:?}; publishing it again under the same id is safe",
        replica_timeout(answer_timeout)
    )))
}
