//! The failure of one attempt to publish, and what it means for a retry.

use std::time::Duration;

use crate::error::{PublishError, Refusal};

/// The failure of one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: PublishError,
    pub(crate) kind: FailureKind,
    /// The connection must be replaced: its server is no longer the right one.
    pub(crate) reconnect: bool,
}

/// The cause of a failure, which decides about a retry. Ordered from the least to the most worth
/// retrying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FailureKind {
    /// The event is invalid and can never be published. Later events are not affected.
    Event,
    /// The configuration of the publisher is wrong, such as the password. No event passes until
    /// it is fixed.
    Configuration,
    /// A temporary condition. The bus may have named the time to wait before a retry.
    Transient(Option<Duration>),
}

impl Failure {
    /// The event was permanently rejected.
    pub(crate) fn event(error: PublishError) -> Self {
        Self { error, kind: FailureKind::Event, reconnect: false }
    }

    /// The publisher was rejected.
    pub(crate) fn configuration(refusal: Refusal) -> Self {
        Self { error: PublishError::Refused(refusal), kind: FailureKind::Configuration, reconnect: false }
    }

    /// The bus cannot be reached, or accepts nothing at the moment.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::unavailable_for(reason, None)
    }

    /// As `unavailable`, and the connections must be replaced.
    pub(crate) fn reconnect(reason: impl Into<String>) -> Self {
        Self { reconnect: true, ..Self::unavailable(reason) }
    }

    /// As `unavailable`, with the time after which the bus wants a retry.
    pub(crate) fn unavailable_for(reason: impl Into<String>, after: Option<Duration>) -> Self {
        let error = PublishError::Unavailable { reason: reason.into() };
        Self { error, kind: FailureKind::Transient(after), reconnect: false }
    }

    /// The bus did not respond.
    pub(crate) fn timed_out(after: Duration) -> Self {
        Self { error: PublishError::TimedOut { after }, kind: FailureKind::Transient(None), reconnect: false }
    }

    /// Returns whether later events of the batch must not be sent either.
    pub(crate) fn stops_batch(&self) -> bool {
        self.kind != FailureKind::Event
    }

    /// Returns how long the bus asked to wait before a retry.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            FailureKind::Transient(after) => after,
            FailureKind::Event | FailureKind::Configuration => None,
        }
    }
}
