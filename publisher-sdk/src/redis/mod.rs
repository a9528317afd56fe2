//! The Redis transport: one multiplexed connection to each primary, and pipelines of scripts. A
//! single server is one primary with all slots. Only this folder names the `redis` crate.
//!
//! A connection of the crate ends with its socket and never reconnects: all later requests on it
//! fail at once. After a connection failure all connections are therefore discarded. The next
//! request discovers the topology and opens new connections. Opening loads the scripts, since a
//! Redis that restarted or failed over has lost them.
//!
//! Events, stream entries and receipts pass through here; what they mean is decided in `delivery`,
//! `worker` and `receipts`.

mod connection;
mod endpoint;
mod inbox;
mod publish;
mod records;
mod routes;
mod scripts;
mod slots;
mod streams;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, RedisError, Value};
use tokio::sync::OnceCell;

use self::endpoint::RedisEndpoint;
use self::routes::{Connector, Request, Routes};
use self::scripts::Digests;
pub(crate) use self::streams::{ConsumerGroup, Entry, EntryId, StreamKind, has_code};
use crate::error::{ConnectError, PublishError, Refusal};
use crate::failure::Failure;
use crate::options::Options;

/// A connection pool for Redis: one server, a primary monitored by sentinels, or a Cluster.
pub(crate) struct RedisBus {
    connector: Arc<Connector>,
    options: Options,
    /// The current connections. Concurrent requests that find none wait while one of them opens
    /// them.
    current: Mutex<SharedRoutes>,
}

type SharedRoutes = Arc<OnceCell<Routes>>;

impl RedisBus {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let endpoint = RedisEndpoint::from_url(url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let (connect_timeout, answer_timeout) = (options.connect_timeout, options.answer_timeout);
        let connector = Connector { endpoint, config, digests: Digests::new(), connect_timeout, answer_timeout };
        Ok(Self { connector: Arc::new(connector), options, current: Mutex::default() })
    }

    /// Opens the connections if there are none.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        let current = self.current();
        self.routes(&current).await.map(drop)
    }

    /// Executes several requests; one reply each.
    async fn execute(&self, requests: &[Request]) -> Vec<Result<Value, Failure>> {
        let current = self.current();
        let answers = match self.routes(&current).await {
            Ok(routes) => routes.execute(requests).await,
            Err(failure) => requests.iter().map(|_| Err(failure.clone())).collect(),
        };
        if answers.iter().any(|answer| answer.as_ref().is_err_and(|failure| failure.reconnect)) {
            self.discard(&current);
        }
        answers
    }

    /// Executes one request.
    async fn execute_one<T: FromRedisValue>(&self, request: Request) -> Result<T, Failure> {
        let answer = self.execute(&[request]).await.pop();
        read(answer.unwrap_or_else(|| Err(Failure::unavailable("no reply from Redis")))?)
    }

    async fn routes<'a>(&self, current: &'a SharedRoutes) -> Result<&'a Routes, Failure> {
        current.get_or_try_init(|| Box::pin(Routes::open(&self.connector))).await
    }

    fn current(&self) -> SharedRoutes {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Discards these connections, unless they are already replaced.
    fn discard(&self, used: &SharedRoutes) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, used) {
            *current = SharedRoutes::default();
        }
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedisBus").field(&self.connector.endpoint).finish()
    }
}

/// Converts a reply of Redis to the expected type.
fn read<T: FromRedisValue>(value: Value) -> Result<T, Failure> {
    redis::from_redis_value(value).map_err(|error| bad_reply(error.to_string()))
}

/// Reports a reply of an unexpected type.
fn bad_reply(detail: impl Into<String>) -> Failure {
    Failure::event(PublishError::Refused(Refusal::new(None, "bad_reply", detail)))
}

fn failure(error: &RedisError, waited: Duration) -> Failure {
    if error.is_timeout() {
        return Failure::timed_out(waited);
    }
    if error.kind() == ErrorKind::AuthenticationFailed {
        let detail = "wrong user or password for Redis";
        return Failure::configuration(Refusal::new(None, "WRONGPASS", detail));
    }
    let Some(code) = error.code() else { return Failure::unavailable(error.to_string()) };
    let detail = error.detail().unwrap_or("no detail");
    crate::redis_error::failure(code, detail)
}
