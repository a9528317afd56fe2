//! The transports: one seam, one file for each bus.

use std::sync::Arc;
use std::time::Duration;

use wirebell_protocol::publish::Retentions;
use wirebell_protocol::tracking::{Receipt, State};
use wirebell_protocol::{Channel, Keys, Outcome};

use crate::cancelled::Cancelled;
use crate::delivery::Waiting;
use crate::error::ConnectError;
use crate::failure::Failure;
use crate::http::HttpDoor;
use crate::redis::RedisBus;

/// The schemes of a Redis or Valkey, without and with TLS: one server, behind sentinels, or a Cluster.
const REDIS: [&str; 12] = [
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

/// Where events go.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Straight into Redis.
    Redis(Arc<RedisBus>),
    /// To the services' door of a node.
    Http(HttpDoor),
}

/// What a transport has to know beside the URL.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) keys: Keys,
    pub(crate) retentions: Retentions,
    pub(crate) service_key: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
}

impl Transport {
    /// Picks the transport by the URL's scheme. Nothing is sent yet.
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some(scheme) if REDIS.contains(&scheme) => RedisBus::new(url, options).map(Arc::new).map(Self::Redis),
            Some("http" | "https") => HttpDoor::new(url, &options).map(Self::Http),
            Some(_) => Err(ConnectError::Url { found: "the one given has another scheme" }),
            None => Err(ConnectError::Url { found: "the one given has no scheme" }),
        }
    }

    /// The Redis, for what only it can do.
    pub(crate) fn redis(&self) -> Result<&Arc<RedisBus>, ConnectError> {
        match self {
            Self::Redis(bus) => Ok(bus),
            Self::Http(_) => Err(ConnectError::Url {
                found: "the one given is a services' door, and streams are read from Redis only",
            }),
        }
    }

    /// Reaches for the bus once, where there is a connection to keep.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        match self {
            Self::Redis(bus) => bus.open().await,
            // A service key is only looked at with an event, so there is nothing to learn beforehand.
            Self::Http(_) => Ok(()),
        }
    }

    /// One try: sends the events in their order, and answers for each. After a failure that concerns more than one
    /// event, those behind it are not sent and share it, so that none overtakes.
    pub(crate) async fn send(&self, events: &[Waiting]) -> Vec<Result<Outcome, Failure>> {
        match self {
            Self::Redis(bus) => bus.send(events).await,
            Self::Http(door) => door.send(events).await,
        }
    }

    /// Where the event stands on each of these channels; none where there is no record. Over HTTP the answer may come
    /// as late as `patience` where nothing is settled yet; over Redis it comes at once.
    pub(crate) async fn states(
        &self,
        id: &str,
        channels: &[Channel],
        patience: Duration,
    ) -> Result<Vec<Option<State>>, Failure> {
        match self {
            Self::Redis(bus) => bus.states(id, channels).await,
            Self::Http(door) => door.states(id, channels, patience).await,
        }
    }

    /// What became of the event on each of its channels that has a record; none if there is no record.
    pub(crate) async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, Failure> {
        match self {
            Self::Redis(bus) => bus.receipts(id).await,
            Self::Http(door) => door.receipts(id, Duration::ZERO).await,
        }
    }

    /// Cancels a scheduled event.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Cancelled, Failure> {
        match self {
            Self::Redis(bus) => bus.cancel(id).await,
            Self::Http(door) => door.cancel(id).await,
        }
    }
}
