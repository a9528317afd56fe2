//! What can go wrong, in words for whoever has to act on it. No message here holds a payload, a password or a key.

use std::time::Duration;

use thiserror::Error;
use wirebell_protocol::EventError;
use wirebell_protocol::keys::PrefixError;

/// Why an event was not published, or why nobody can tell whether it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event itself is wrong: publishing it again cannot help.
    #[error("the event is invalid: {0}")]
    Invalid(#[from] EventError),
    /// The bus could not be reached, or does not take events just now, for as long as the timeout allows. Where the
    /// connection broke after the event had left, the bus may have it: publish it again under the same id.
    #[error("the bus is unavailable: {reason}")]
    Unavailable {
        /// What the last try ran into.
        reason: String,
    },
    /// The bus was reached and did not answer in time. It may have the event: publish it again under the same id.
    #[error("the bus did not answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The bus answered, and said no: a wrong password, an unknown service key, a missing permission.
    #[error("the bus refused: {0}")]
    Refused(Refusal),
}

/// What the bus said when it refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail} ({code})")]
pub struct Refusal {
    /// The HTTP status; none from Redis.
    pub status: Option<u16>,
    /// A stable word for programs: the problem's `code`, or Redis' error code.
    pub code: String,
    /// The sentence for people.
    pub detail: String,
}

/// Why there is no publisher.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of a bus. It is not shown, since it may hold a password.
    #[error(
        "expected `redis://[user:password@]host[:port][/database]` (`rediss://` with TLS), \
         `redis-cluster://host[:port][?node=host:port]`, \
         `redis-sentinel://host[:port]?sentinelServiceName=name[&node=host:port]` or \
         `http://host[:port]` (`https://` with TLS) as the URL of the bus; {found}"
    )]
    Url {
        /// What is wrong with the one that was given.
        found: &'static str,
    },
    /// The prefix of the keys in Redis.
    #[error("prefix of the keys: {0}")]
    Prefix(#[from] PrefixError),
    /// The service key has a character that no HTTP header may hold.
    #[error("the service key holds a character that cannot stand in an HTTP header")]
    ServiceKey,
    /// TLS cannot be set up on this machine.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// There is no Tokio runtime here for the task behind `enqueue`.
    #[error("expected to be called within a Tokio runtime")]
    Runtime,
    /// The bus was reached and said no, as to a wrong password.
    #[error("the bus refused: {0}")]
    Refused(Refusal),
}

impl Refusal {
    pub(crate) fn new(status: Option<u16>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into() }
    }
}
