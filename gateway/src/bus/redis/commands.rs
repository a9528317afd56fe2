//! The connection for commands: scripts, logs, probes. fred pipelines whatever is asked at the same time, and
//! reconnects for ever.

use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, LuaInterface};
use fred::types::config::{Config, ReconnectPolicy};
use fred::types::{Builder, RespVersion};
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
    pub(super) fn start(url: &str, keys: Keys, retention: Retention) -> Result<Self, BusError> {
        let mut config = Config::from_url(url).map_err(|error| bad_url(&error))?;
        config.version = RespVersion::RESP3;
        // A node must be able to start while Redis is down.
        config.fail_fast = false;
        let client = Builder::from_config(config)
            .with_performance_config(|performance| performance.default_command_timeout = COMMAND_TIMEOUT)
            .with_connection_config(|connection| {
                connection.connection_timeout = COMMAND_TIMEOUT;
                connection.internal_command_timeout = COMMAND_TIMEOUT;
                // A command is tried again by whoever asked, who knows whether that is still wanted.
                connection.max_command_attempts = 1;
                connection.reconnect_on_auth_error = true;
                connection.unresponsive.max_timeout = Some(Duration::from_secs(5));
                connection.unresponsive.interval = Duration::from_secs(1);
            })
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
            .build()
            .map_err(|error| bad_url(&error))?;
        client.connect();
        Ok(Self { client, keys, retention, script: RwLock::new(None) })
    }

    /// The digest of the publish script, which is loaded first if it has to be.
    pub(super) async fn script(&self) -> Result<String, Error> {
        if let Some(digest) = self.script.read().await.clone() {
            return Ok(digest);
        }
        self.load_script().await
    }

    /// Loads the script: at first, and again after a Redis that has forgotten it.
    pub(super) async fn load_script(&self) -> Result<String, Error> {
        let digest: String = self.client.script_load(PublishScript::SOURCE).await?;
        *self.script.write().await = Some(digest.clone());
        Ok(digest)
    }

    /// Does Redis answer?
    pub(super) async fn ping(&self) -> Result<(), BusError> {
        self.client.ping::<()>(None).await.map_err(|error| failed(&error))
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

fn bad_url(error: &Error) -> BusError {
    BusError::Refused(format!("bus.redis: expected redis://[user:password@]host:port[/db]: {}", error.details()))
}
