//! The connections for commands: scripts, logs, probes. fred pipelines whatever is asked at the same time, goes to
//! whoever has the key's slot, and reconnects for ever.

use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, ClusterInterface, LuaInterface};
use fred::types::config::{Config, ReconnectError, ReconnectPolicy, ServerConfig};
use fred::types::{Builder, RespVersion};
use futures_util::future::try_join_all;
use tokio::sync::RwLock;
use wirebell_protocol::Keys;
use wirebell_protocol::publish::{PublishScript, Retention};

use super::{BusError, COMMAND_TIMEOUT};

/// A client for commands, with the names and the script that they use.
pub(super) struct Commands {
    pub(super) client: Client,
    pub(super) keys: Keys,
    pub(super) retention: Retention,
    /// The publish script's digest, once Redis has told it.
    script: RwLock<Option<String>>,
}

impl Commands {
    /// Starts connecting in the background.
    pub(super) fn start(config: Config, keys: Keys, retention: Retention) -> Result<Self, BusError> {
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
        Ok(Self { client, keys, retention, script: RwLock::new(None) })
    }

    /// The digest of the publish script, which is loaded first if no Redis has told it yet.
    pub(super) async fn script(&self) -> Result<String, Error> {
        if let Some(digest) = self.script.read().await.clone() {
            return Ok(digest);
        }
        let digest: String = self.client.script_load(PublishScript::SOURCE).await?;
        *self.script.write().await = Some(digest.clone());
        Ok(digest)
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
