//! The connections for commands: scripts, logs, probes. fred pipelines whatever is asked at the same time, goes to
//! whoever has the key's slot, and reconnects for ever.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, ClusterInterface};
use fred::types::config::{Config, ReconnectError, ReconnectPolicy, ServerConfig};
use fred::types::{Builder, ClusterHash, CustomCommand, FromValue, RespVersion};
use fred::util::redis_keyslot;
use futures_util::future::try_join_all;
use wirebell_protocol::publish::Retentions;
use wirebell_protocol::script::{Call, Script};
use wirebell_protocol::{Channel, Keys};

use super::{BusError, COMMAND_TIMEOUT};

/// A client for commands, with the names that they use.
pub(super) struct Commands {
    pub(super) client: Client,
    pub(super) keys: Keys,
    pub(super) retentions: Retentions,
}

/// How a script is named in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By its digest, which Redis may not know.
    Digest,
    /// By its text, which makes the digest known.
    Text,
}

/// The scripts' digests.
static DIGESTS: LazyLock<HashMap<Script, String>> = LazyLock::new(|| {
    let digest = |script: Script| (script, redis::Script::new(script.source()).get_hash().to_owned());
    Script::ALL.into_iter().map(digest).collect()
});

impl Commands {
    /// Starts connecting in the background.
    pub(super) fn start(config: Config, keys: Keys, retentions: Retentions) -> Result<Self, BusError> {
        // A server that has become a replica is left for the one that took its place. One that stands alone stays.
        let has_moved = match &config.server {
            ServerConfig::Centralized { .. } => Vec::new(),
            _ => vec![ReconnectError::ClusterDown, ReconnectError::ReadOnly],
        };
        // A command is tried again by whoever asked, who knows whether that is still wanted. In a Cluster, following
        // it to where its slot is now counts as another attempt.
        let attempts = if config.server.is_clustered() { 3 } else { 1 };
        let client = Builder::from_config(config)
            .with_performance_config(|performance| performance.default_command_timeout = COMMAND_TIMEOUT)
            .with_connection_config(|connection| {
                connection.connection_timeout = COMMAND_TIMEOUT;
                connection.internal_command_timeout = COMMAND_TIMEOUT;
                connection.max_command_attempts = attempts;
                connection.reconnect_on_auth_error = true;
                connection.reconnect_errors = has_moved;
                connection.unresponsive.max_timeout = Some(Duration::from_secs(5));
                connection.unresponsive.interval = Duration::from_secs(1);
            })
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
            .build()
            .map_err(|error| bad_url(&error))?;
        client.connect();
        Ok(Self { client, keys, retentions })
    }

    /// Runs a script, also on a Redis that does not know it yet.
    pub(super) async fn call<R: FromValue>(&self, call: &Call) -> Result<R, BusError> {
        let answer = match run(&self.client, By::Digest, call).await {
            Err(error) if is_forgotten(&error) => run(&self.client, By::Text, call).await,
            answer => answer,
        };
        answer.map_err(|error| failed(&error))
    }

    /// Is there a connection? Waiting for a Redis that is known to be away only makes whoever asks wait.
    pub(super) fn connected(&self) -> Result<(), BusError> {
        if self.client.is_connected() {
            return Ok(());
        }
        Err(BusError::Unavailable("Redis is not connected".to_owned()))
    }

    /// How long and how much is kept of this channel.
    pub(super) fn retention(&self, channel: &Channel) -> wirebell_protocol::publish::Retention {
        self.retentions.of(channel)
    }

    /// Does Redis answer? Of a Cluster, every primary has to.
    pub(super) async fn ping(&self) -> Result<(), BusError> {
        let state = self.client.cached_cluster_state().filter(|_| self.is_cluster());
        let primaries = state.map(|state| state.unique_primary_nodes()).unwrap_or_default();
        let answered = if primaries.is_empty() {
            // One server; or none of a Cluster is known yet, and the ping waits for the first.
            self.client.ping::<()>(None).await
        } else {
            let ping = |primary| async { self.client.with_cluster_node(primary).ping::<()>(None).await };
            try_join_all(primaries.into_iter().map(ping)).await.map(drop)
        };
        answered.map_err(|error| failed(&error))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.client.is_clustered()
    }
}

/// The script's digest.
pub(super) fn digest(script: Script) -> String {
    DIGESTS.get(&script).cloned().unwrap_or_default()
}

/// One call by one command, on a connection or into a pipeline.
pub(super) async fn run<C: ClientLike, R: FromValue>(client: &C, by: By, call: &Call) -> Result<R, Error> {
    let (word, script) = match by {
        By::Digest => ("EVALSHA", digest(call.script)),
        By::Text => ("EVAL", call.script.source().to_owned()),
    };
    let slot = call.keys.first().map_or(0, |key| redis_keyslot(key.as_bytes()));
    let count = call.keys.len().to_string();
    let words: Vec<String> = [script, count]
        .into_iter()
        .chain(call.keys.iter().cloned())
        .chain(call.arguments.iter().cloned())
        .collect();
    client.custom(CustomCommand::new_static(word, ClusterHash::Custom(slot), false), words).await
}

/// Does this Redis not know the script? It was restarted, failed over or given the slot.
pub(super) fn is_forgotten(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}

/// An error of fred's, told apart by whether trying again may help.
pub(super) fn failed(error: &Error) -> BusError {
    let detail = error.details().to_owned();
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::InvalidCommand | ErrorKind::Parse | ErrorKind::Protocol => {
            BusError::Refused(detail)
        }
        // Redis is loading, read-only, out of memory or without a script: it may be better in a moment.
        _ => BusError::Unavailable(detail),
    }
}

/// Reads the URL.
pub(super) fn config(url: &str) -> Result<Config, BusError> {
    let mut config = Config::from_url(url).map_err(|error| bad_url(&error))?;
    config.version = RespVersion::RESP3;
    // A node must be able to start while Redis is down.
    config.fail_fast = false;
    Ok(config)
}

fn bad_url(error: &Error) -> BusError {
    let expected = "redis://host:port, redis-cluster://host:port?node=host:port or \
                    redis-sentinel://host:port?sentinelServiceName=name";
    BusError::Refused(format!("bus.redis: expected {expected}: {}", error.details()))
}
