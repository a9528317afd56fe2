//! Redis as the bus: one multiplexed connection, opened at need and again after a loss, and pipelines of the
//! publish script. The only file that names the `redis` crate.
//!
//! The crate's connection ends with its socket and never comes back by itself: every request on it then fails at
//! once. So a connection that failed is taken out of its slot, and the next request opens another. Loading the
//! script belongs to opening, since a Redis that was restarted or failed over has forgotten it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, Value,
};
use tokio::sync::OnceCell;
use wirebell_protocol::publish::{Accepted, PublishScript};
use wirebell_protocol::{Outcome, Prepared};

use crate::delivery::Waiting;
use crate::error::{ConnectError, PublishError, Refusal};
use crate::failure::Failure;
use crate::pipeline::{Batches, Tally};
use crate::transport::Options;

/// A standalone Redis.
pub(crate) struct RedisBus {
    client: Client,
    config: AsyncConnectionConfig,
    script_hash: String,
    options: Options,
    /// The connection of now. All who find it empty wait for one of them to fill it.
    slot: Mutex<Slot>,
}

type Slot = Arc<OnceCell<MultiplexedConnection>>;

impl RedisBus {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let client = client(url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.answer_timeout));
        let script_hash = redis::Script::new(PublishScript::SOURCE).get_hash().to_owned();
        Ok(Self { client, config, script_hash, options, slot: Mutex::default() })
    }

    /// Opens the connection if there is none.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        self.connection(&self.slot()).await.map(drop)
    }

    /// Sends the events as pipelines, one after the other.
    pub(crate) async fn send(&self, events: &[Waiting]) -> Vec<Result<Outcome, Failure>> {
        let slot = self.slot();
        let mut tally = Tally::new(events);
        let mut connection = match self.connection(&slot).await {
            Ok(connection) => connection,
            Err(failure) => return tally.finish(&failure),
        };
        for batch in Batches::new(events) {
            let stopped = match self.publish(&mut connection, &batch).await {
                Ok(answers) => {
                    tally.add(&batch, answers);
                    tally.stopped()
                }
                Err(failure) => {
                    self.forget(&slot);
                    Some(failure)
                }
            };
            if let Some(failure) = stopped {
                if tally.is_elsewhere() {
                    self.forget(&slot);
                }
                return tally.finish(&failure);
            }
        }
        tally.finish(&Failure::unavailable("not every channel was answered for"))
    }

    /// One pipeline. An error is the connection's; those of single commands are among the answers.
    async fn publish(
        &self,
        connection: &mut MultiplexedConnection,
        batch: &[(usize, Prepared)],
    ) -> Result<Vec<Result<Accepted, Failure>>, Failure> {
        let mut replies = self.run(connection, batch.iter().map(|(_, event)| event)).await?;
        // Somebody flushed the scripts. What was not run is run now, in its order.
        if replies.iter().any(is_no_script) {
            load_script(connection, self.options.answer_timeout).await?;
            let missed = || replies.iter().zip(batch).filter(|(reply, _)| is_no_script(reply));
            let mut again = self.run(connection, missed().map(|(_, (_, event))| event)).await?.into_iter();
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

    async fn connection(&self, slot: &Slot) -> Result<MultiplexedConnection, Failure> {
        slot.get_or_try_init(|| self.connect()).await.cloned()
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Failure> {
        let timeout = self.options.connect_timeout;
        let connecting = self.client.get_multiplexed_async_connection_with_config(&self.config);
        let mut connection = connecting.await.map_err(|error| {
            let address = self.client.get_connection_info().addr();
            match error.kind() {
                ErrorKind::Io if error.is_timeout() => {
                    Failure::unavailable(format!("no connection to Redis at {address} within {timeout:?}"))
                }
                ErrorKind::Io => Failure::unavailable(format!("no connection to Redis at {address}: {error}")),
                _ => failure(&error, timeout),
            }
        })?;
        load_script(&mut connection, timeout).await?;
        tracing::debug!("connected to Redis");
        Ok(connection)
    }

    fn slot(&self) -> Slot {
        Arc::clone(&self.slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the connection out, unless somebody has put another there since.
    fn forget(&self, used: &Slot) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&slot, used) {
            *slot = Slot::default();
        }
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address without the password.
        f.debug_tuple("RedisBus").field(&self.client.get_connection_info().addr().to_string()).finish()
    }
}

fn client(url: &str) -> Result<Client, ConnectError> {
    let wrong = |found| ConnectError::Url { found };
    // The crate's own messages may hold parts of the URL.
    let parsed = redis::parse_redis_url(url).ok_or(wrong("the one given cannot be read as a URL"))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong("the one given has no host"));
    }
    let database = parsed.path().trim_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(wrong("the one given has a database that is not a number"));
    }
    if parsed.fragment().is_some() {
        return Err(wrong("the one given has a `#`, as in `#insecure`: certificates are always checked"));
    }
    let info = parsed.into_connection_info().map_err(|_| wrong("the one given is not one of Redis"))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        crate::tls::ensure_provider();
    }
    // An event is small and somebody waits for it: never hold it back to fill a packet.
    let info = info.clone().set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let named = info.redis_settings().clone().set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Client::open(info.set_redis_settings(named)).map_err(|_| wrong("the one given is not one of Redis"))
}

/// Loads the script, and makes sure that this Redis has what the script calls: an older one would append to the log
/// and then fail to announce.
async fn load_script(connection: &mut MultiplexedConnection, timeout: Duration) -> Result<(), Failure> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("SCRIPT").arg("LOAD").arg(PublishScript::SOURCE);
    pipeline.cmd("COMMAND").arg("INFO").arg("SPUBLISH");
    let replies: Vec<RedisResult<Value>> =
        pipeline.ignore_errors().query_async(connection).await.map_err(|error| failure(&error, timeout))?;
    if let Some(Err(error)) = replies.first() {
        return Err(failure(error, timeout));
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
