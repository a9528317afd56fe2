//! The client for commands: scripts, logs, probes.
//!
//! fred pipelines concurrent commands, sends each to the owner of its slot, and reconnects without
//! limit.

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

use crate::bus::BusError;

/// How long a command may take before Redis counts as unreachable.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

/// A client for commands, with the key names and retentions that they use.
pub(super) struct Commands {
    pub(super) client: Client,
    pub(super) keys: Keys,
    pub(super) retentions: Retentions,
}

/// How a command names a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScriptRef {
    /// By its digest (`EVALSHA`), which Redis may not know.
    Digest,
    /// By its text (`EVAL`), which also loads it.
    Text,
}

/// The digest of each script.
static DIGESTS: LazyLock<HashMap<Script, String>> = LazyLock::new(|| {
    let digest = |script: Script| (script, redis::Script::new(script.source()).get_hash().to_owned());
    Script::ALL.into_iter().map(digest).collect()
});

impl Commands {
    /// Starts connecting in the background.
    pub(super) fn start(config: Config, keys: Keys, retentions: Retentions) -> Result<Self, BusError> {
        // With Sentinel or a Cluster, a server that has become a replica is replaced by the new
        // primary. A standalone server has no replacement.
        let reconnect_errors = match &config.server {
            ServerConfig::Centralized { .. } => Vec::new(),
            _ => vec![ReconnectError::ClusterDown, ReconnectError::ReadOnly],
        };
        // The caller retries a command, since only the caller knows whether it still wants the
        // result. In a Cluster, following a redirection to the slot's owner counts as another
        // attempt.
        let attempts = if config.server.is_clustered() { 3 } else { 1 };
        let client = Builder::from_config(config)
            .with_performance_config(|performance| performance.default_command_timeout = COMMAND_TIMEOUT)
            .with_connection_config(|connection| {
                connection.connection_timeout = COMMAND_TIMEOUT;
                connection.internal_command_timeout = COMMAND_TIMEOUT;
                connection.max_command_attempts = attempts;
                connection.reconnect_on_auth_error = true;
                connection.reconnect_errors = reconnect_errors;
                connection.unresponsive.max_timeout = Some(Duration::from_secs(5));
                connection.unresponsive.interval = Duration::from_secs(1);
            })
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
            .build()
            .map_err(|error| invalid_url(&error))?;
        client.connect();
        Ok(Self { client, keys, retentions })
    }

    /// Runs a script, and loads it if Redis does not know it.
    pub(super) async fn call<R: FromValue>(&self, call: &Call) -> Result<R, BusError> {
        let answer = match run(&self.client, ScriptRef::Digest, call).await {
            Err(error) if is_unknown_script(&error) => run(&self.client, ScriptRef::Text, call).await,
            answer => answer,
        };
        answer.map_err(|error| bus_error(&error))
    }

    /// Fails if there is no connection, so the caller does not wait for a Redis that is known to be
    /// down.
    pub(super) fn require_connection(&self) -> Result<(), BusError> {
        if self.client.is_connected() {
            return Ok(());
        }
        Err(BusError::Unavailable("Redis is not connected".to_owned()))
    }

    /// Returns how long, and how much, the channel keeps.
    pub(super) fn retention(&self, channel: &Channel) -> wirebell_protocol::publish::Retention {
        self.retentions.of(channel)
    }

    /// Checks that Redis answers; in a Cluster, that every primary does.
    pub(super) async fn ping(&self) -> Result<(), BusError> {
        let state = self.client.cached_cluster_state().filter(|_| self.is_cluster());
        let primaries = state.map(|state| state.unique_primary_nodes()).unwrap_or_default();
        let answered = if primaries.is_empty() {
            // There is one server, or no server of the Cluster is known yet, and the ping waits for
            // the first.
            self.client.ping::<()>(None).await
        } else {
            let ping = |primary| async { self.client.with_cluster_node(primary).ping::<()>(None).await };
            try_join_all(primaries.into_iter().map(ping)).await.map(drop)
        };
        answered.map_err(|error| bus_error(&error))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.client.is_clustered()
    }
}

/// Returns the script's digest.
pub(super) fn digest(script: Script) -> String {
    DIGESTS.get(&script).cloned().unwrap_or_default()
}

/// Sends one script call on a connection, or adds it to a pipeline.
pub(super) async fn run<C: ClientLike, R: FromValue>(
    client: &C,
    script_ref: ScriptRef,
    call: &Call,
) -> Result<R, Error> {
    let (name, script) = match script_ref {
        ScriptRef::Digest => ("EVALSHA", digest(call.script)),
        ScriptRef::Text => ("EVAL", call.script.source().to_owned()),
    };
    let slot = call.keys.first().map_or(0, |key| redis_keyslot(key.as_bytes()));
    let key_count = call.keys.len().to_string();
    let args: Vec<String> = [script, key_count]
        .into_iter()
        .chain(call.keys.iter().cloned())
        .chain(call.arguments.iter().cloned())
        .collect();
    client.custom(CustomCommand::new_static(name, ClusterHash::Custom(slot), false), args).await
}

/// Returns whether Redis does not know the script, after a restart, a failover or a slot migration.
pub(super) fn is_unknown_script(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}

/// Converts an error of fred into one that says whether a retry may succeed.
pub(super) fn bus_error(error: &Error) -> BusError {
    let detail = error.details().to_owned();
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::InvalidCommand | ErrorKind::Parse | ErrorKind::Protocol => {
            BusError::Rejected(detail)
        }
        // Redis is loading, read-only, out of memory or without a script; that may be temporary.
        _ => BusError::Unavailable(detail),
    }
}

/// Parses the URL into a configuration of fred.
pub(super) fn parse_url(url: &str) -> Result<Config, BusError> {
    let mut config = Config::from_url(url).map_err(|error| invalid_url(&error))?;
    config.version = RespVersion::RESP3;
    // A node must be able to start while Redis is down.
    config.fail_fast = false;
    Ok(config)
}

fn invalid_url(error: &Error) -> BusError {
    let expected = "redis://host:port, redis-cluster://host:port?node=host:port or \
                    redis-sentinel://host:port?sentinelServiceName=name";
    BusError::Rejected(format!("bus.redis: expected {expected}: {}", error.details()))
}
