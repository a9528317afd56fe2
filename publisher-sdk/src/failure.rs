//! Failures: why one try of one event came to nothing, and what that says about the next try.

use std::time::Duration;

use crate::error::{PublishError, Refusal};

/// One try that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: PublishError,
    pub(crate) verdict: Verdict,
    /// The connection is of no use any more: its server is no longer the right one.
    pub(crate) elsewhere: bool,
}

/// Whose fault it is, which decides whether to try again. From the least to the most worth trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The event's: it can never be published, and those behind it can.
    Event,
    /// This publisher's, as with a wrong password: no event gets through until a person changes something.
    Door,
    /// The moment's. The bus may have said after which time to come back.
    Moment(Option<Duration>),
}

impl Failure {
    /// The event was refused for good.
    pub(crate) fn event(error: PublishError) -> Self {
        Self { error, verdict: Verdict::Event, elsewhere: false }
    }

    /// The publisher was refused.
    pub(crate) fn door(refusal: Refusal) -> Self {
        Self { error: PublishError::Refused(refusal), verdict: Verdict::Door, elsewhere: false }
    }

    /// The bus cannot be reached, or takes nothing just now.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::unavailable_until(reason, None)
    }

    /// The same, and the connections are of no use any more.
    pub(crate) fn elsewhere(reason: impl Into<String>) -> Self {
        Self { elsewhere: true, ..Self::unavailable(reason) }
    }

    /// The same, where the bus said when to come back.
    pub(crate) fn unavailable_until(reason: impl Into<String>, after: Option<Duration>) -> Self {
        let error = PublishError::Unavailable { reason: reason.into() };
        Self { error, verdict: Verdict::Moment(after), elsewhere: false }
    }

    /// The bus did not answer.
    pub(crate) fn timed_out(after: Duration) -> Self {
        Self { error: PublishError::TimedOut { after }, verdict: Verdict::Moment(None), elsewhere: false }
    }

    /// Does it stop the events behind this one, too?
    pub(crate) fn stops(&self) -> bool {
        self.verdict != Verdict::Event
    }

    /// When the bus wants to be asked again, if it said so.
    pub(crate) fn come_back_after(&self) -> Option<Duration> {
        match self.verdict {
            Verdict::Moment(after) => after,
            Verdict::Event | Verdict::Door => None,
        }
    }
}
