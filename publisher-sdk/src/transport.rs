//! The transports: one interface, one file for each bus.

use std::sync::Arc;
use std::time::Duration;

use wirebell_protocol::tracking::{Receipt, State};
use wirebell_protocol::{Channel, PublishResult};

use crate::cancelled::Cancelled;
use crate::error::ConnectError;
use crate::failure::Failure;
use crate::http::HttpTransport;
use crate::options::Options;
use crate::pending::PendingEvent;
use crate::redis::RedisBus;

/// The URL schemes of Redis and Valkey, without and with TLS: one server, behind sentinels, or a
/// Cluster.
const REDIS_SCHEMES: [&str; 12] = [
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "redis-cluster",
    "rediss-cluster",
    "valkey-cluster",
    "valkeys-cluster",
    "redis-sentinel",
    "rediss-sentinel",
    "valkey-sentinel",
    "valkeys-sentinel",
];

/// The transport to the bus.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Writes directly to Redis.
    Redis(Arc<RedisBus>),
    /// Calls the server API of a node.
    Http(HttpTransport),
}

impl Transport {
    /// Selects the transport by the URL's scheme. Sends nothing yet.
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some(scheme) if REDIS_SCHEMES.contains(&scheme) => {
                RedisBus::new(url, options).map(Arc::new).map(Self::Redis)
            }
            Some("http" | "https") => HttpTransport::new(url, &options).map(Self::Http),
            Some(_) => Err(ConnectError::Url { found: "the given URL has another scheme" }),
            None => Err(ConnectError::Url { found: "the given URL has no scheme" }),
        }
    }

    /// Returns Redis, for operations that need it.
    pub(crate) fn redis(&self) -> Result<&Arc<RedisBus>, ConnectError> {
        match self {
            Self::Redis(bus) => Ok(bus),
            Self::Http(_) => Err(ConnectError::Url {
                found: "the given URL is the server API of a node, but streams are read from Redis only",
            }),
        }
    }

    /// Opens connections, if the transport keeps any.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        match self {
            Self::Redis(bus) => bus.open().await,
            // A node checks the API key only together with an event, so there is nothing to check
            // yet.
            Self::Http(_) => Ok(()),
        }
    }

    /// Makes one attempt to send the events in order, and returns a result for each. After a
    /// failure that concerns more than one event, later events are not sent and share it, so that
    /// none overtakes.
    pub(crate) async fn send(&self, events: &[PendingEvent]) -> Vec<Result<PublishResult, Failure>> {
        match self {
            Self::Redis(bus) => bus.send(events).await,
            Self::Http(http) => http.send(events).await,
        }
    }

    /// Returns the event's state on each channel; `None` where there is no delivery record. Over
    /// HTTP the response may take up to `wait` while no state is final; over Redis it comes at
    /// once.
    pub(crate) async fn states(
        &self,
        id: &str,
        channels: &[Channel],
        wait: Duration,
    ) -> Result<Vec<Option<State>>, Failure> {
        match self {
            Self::Redis(bus) => bus.states(id, channels).await,
            Self::Http(http) => http.states(id, channels, wait).await,
        }
    }

    /// Returns the delivery record of the event on each of its channels; empty if there is none.
    pub(crate) async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, Failure> {
        match self {
            Self::Redis(bus) => bus.receipts(id).await,
            Self::Http(http) => http.receipts(id, Duration::ZERO).await,
        }
    }

    /// Cancels a scheduled event.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        match self {
            Self::Redis(bus) => bus.cancel(id).await,
            Self::Http(http) => http.cancel(id).await,
        }
    }
}
