//! Errors of the SDK. No message contains a payload, a password or a key.

use std::time::Duration;

use thiserror::Error;
use wirebell_protocol::EventError;
use wirebell_protocol::keys::PrefixError;

/// The reason why an event was not published, or why its state is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event itself is invalid; a retry does not help.
    #[error("the event is invalid: {0}")]
    Invalid(#[from] EventError),
    /// The bus could not be reached, or accepted no events, until the timeout. If the connection
    /// broke after the event was sent, the bus may have it: publish it again under the same id.
    #[error("the bus is unavailable: {reason}")]
    Unavailable {
        /// The error of the last attempt.
        reason: String,
    },
    /// The bus did not respond in time. It may have the event: publish it again under the same id.
    #[error("the bus did not respond within {after:?}")]
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// The bus rejected the request: wrong password, unknown API key or missing permission.
    #[error("the bus rejected the request: {0}")]
    Refused(Refusal),
}

/// The bus' reason for a rejection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail} ({code})")]
pub struct Refusal {
    /// The HTTP status; `None` over Redis.
    pub status: Option<u16>,
    /// A stable code for programs: the problem's `code`, or the error code of Redis.
    pub code: String,
    /// A description for people.
    pub detail: String,
}

/// The reason why a publisher or worker could not be created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not the URL of a bus. The message omits the URL, since it may contain a password.
    #[error(
        "expected `redis://[user:password@]host[:port][/database]` (`rediss://` with TLS), \
         `redis-cluster://host[:port][?node=host:port]`, \
         `redis-sentinel://host[:port]?sentinelServiceName=name[&node=host:port]` or \
         `http://host[:port]` (`https://` with TLS) as the URL of the bus; {found}"
    )]
    Url {
        /// What is wrong with the given URL.
        found: &'static str,
    },
    /// The prefix of the keys in Redis is invalid.
    #[error("prefix of the keys: {0}")]
    Prefix(#[from] PrefixError),
    /// The API key contains a character that is not allowed in an HTTP header.
    #[error("the API key contains a character that is not allowed in an HTTP header")]
    ServiceKey,
    /// TLS cannot be set up on this machine.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// There is no Tokio runtime to run the publisher's background task.
    #[error("no Tokio runtime: call this within one")]
    Runtime,
    /// The bus rejected the connection, for example because of a wrong password.
    #[error("the bus rejected the connection: {0}")]
    Refused(Refusal),
}

impl Refusal {
    pub(crate) fn new(status: Option<u16>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into() }
    }
}
