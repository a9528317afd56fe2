//! Waits for the first acknowledgement of an event.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout_at};
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::{Receipt, State};

use crate::error::PublishError;
use crate::failure::{Failure, FailureKind};
use crate::transport::Transport;

/// An acknowledgement of an event by a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The event's id.
    pub id: String,
    /// The channel of the event on which the device acknowledged it.
    pub channel: Channel,
    /// The device as named in its token; the connection's id if the token names none.
    pub device: String,
    /// The connection that sent the acknowledgement.
    pub connection: String,
    /// Time of the acknowledgement in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
}

/// The reason why there is no acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AckError {
    /// No device acknowledged the event within the timeout. A device may still do so later: see
    /// [`Publisher::receipts`](crate::Publisher::receipts).
    #[error("no device acknowledged the event within {after:?}")]
    NotInTime {
        /// The timeout.
        after: Duration,
    },
    /// No device acknowledged the event by its deadline. It is in the fallback stream.
    #[error("no device acknowledged the event by its deadline: it is in the fallback stream")]
    FallenBack,
    /// No device acknowledged the event within its `ttl`, or within a day if it has none.
    #[error("the event has expired without an acknowledgement")]
    Expired,
    /// The event was cancelled before its `deliver_at`.
    #[error("the event was cancelled before its `deliver_at`")]
    Cancelled,
    /// The event was published without `receipt()` and `deadline(seconds)`, or is not durable.
    #[error("the event is not tracked: publish it as a durable event with `receipt()` or `deadline(seconds)`")]
    NotWatched,
    /// The bus has no delivery record of the event. An untracked event was published under the same
    /// id before, the record expired, or Redis lost it in a failover.
    #[error("the bus has no delivery record of the event")]
    Unknown,
    /// The bus has the event, but its delivery status cannot be read.
    #[error("cannot read the delivery status of the event: {0}")]
    Bus(PublishError),
}

/// Shortest and longest pause between two polls.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Longest time that a node may hold a request, to bound how long a connection is in use.
const MAX_POLL_WAIT: Duration = Duration::from_secs(25);
/// A poll that begins in time may end this much later.
const LAST_POLL_GRACE: Duration = Duration::from_secs(1);

/// Waits for the first acknowledgement on any of the channels.
pub(crate) async fn wait(
    transport: &Transport,
    id: &str,
    channels: &[Channel],
    within: Duration,
) -> Result<Acknowledgement, AckError> {
    let begun = Instant::now();
    let end = begun + within;
    loop {
        let found =
            timeout_at(end + LAST_POLL_GRACE, poll(transport, id, channels, poll_wait(end, channels))).await;
        let last = match found {
            Ok(Ok(Some(answer))) => return answer,
            Ok(Ok(None)) => AckError::NotInTime { after: within },
            Ok(Err(failure)) if matches!(failure.kind, FailureKind::Transient(_)) => AckError::Bus(failure.error),
            Ok(Err(failure)) => return Err(AckError::Bus(failure.error)),
            Err(_) => AckError::Bus(PublishError::TimedOut { after: within }),
        };
        if Instant::now() >= end {
            return Err(last);
        }
        let pause = (begun.elapsed() / 8).clamp(POLL_INTERVALS.0, POLL_INTERVALS.1);
        // Jitter, so that waits that began together do not poll together.
        sleep_until(end.min(Instant::now() + pause.mul_f64(fastrand::f64().mul_add(0.2, 0.9)))).await;
    }
}

/// Returns how long a node may wait until the status is final on all channels. With several
/// channels the time is short, since one may be acknowledged long before the others.
fn poll_wait(end: Instant, channels: &[Channel]) -> Duration {
    let longest = if channels.len() == 1 { MAX_POLL_WAIT } else { Duration::from_secs(1) };
    end.saturating_duration_since(Instant::now()).min(longest)
}

/// Reads the states once. Returns `None` while the result is open.
async fn poll(
    transport: &Transport,
    id: &str,
    channels: &[Channel],
    poll_wait: Duration,
) -> Result<Option<Result<Acknowledgement, AckError>>, Failure> {
    let states = transport.states(id, channels, poll_wait).await?;
    match resolve(&states) {
        Some(Ok(())) => {
            // Delivery records may be large, so they are read only once the event is acknowledged.
            let first = first(id, channels, &transport.receipts(id).await?);
            Ok(first.map(Ok))
        }
        Some(Err(error)) => Ok(Some(Err(error))),
        None => Ok(None),
    }
}

/// Returns the result for the states of all channels, or `None` as long as it is open.
fn resolve(states: &[Option<State>]) -> Option<Result<(), AckError>> {
    let has = |wanted| states.contains(&Some(wanted));
    if has(State::Acknowledged) {
        return Some(Ok(()));
    }
    if states.iter().any(|state| state.is_some_and(|state| !state.is_settled())) {
        return None;
    }
    let ends = [
        (State::FallenBack, AckError::FallenBack),
        (State::Expired, AckError::Expired),
        (State::Cancelled, AckError::Cancelled),
    ];
    let end = ends.into_iter().find(|(state, _)| has(*state));
    Some(Err(end.map_or(AckError::Unknown, |(_, error)| error)))
}

/// Returns the first acknowledgement that arrived in time.
fn first(id: &str, channels: &[Channel], receipts: &[Receipt]) -> Option<Acknowledgement> {
    let in_time = receipts
        .iter()
        .filter(|receipt| receipt.state == State::Acknowledged && channels.contains(&receipt.channel));
    let all = in_time.flat_map(|receipt| receipt.acknowledged.iter().map(|device| (&receipt.channel, device)));
    all.min_by_key(|(_, device)| device.at).map(|(channel, device)| Acknowledgement {
        id: id.to_owned(),
        channel: channel.clone(),
        device: device.device.clone(),
        connection: device.connection.clone(),
        at: device.at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_acknowledgement_suffices_and_failures_need_all_channels() {
        use State::{Accepted, Acknowledged, Cancelled, Expired, FallenBack, Scheduled};
        for (states, expected) in [
            (vec![Some(Acknowledged), Some(Accepted)], Some(Ok(()))),
            (vec![Some(FallenBack), Some(Acknowledged)], Some(Ok(()))),
            (vec![Some(FallenBack), Some(Accepted)], None),
            (vec![Some(Scheduled)], None),
            (vec![Some(Expired), Some(FallenBack)], Some(Err(AckError::FallenBack))),
            (vec![Some(Expired), None], Some(Err(AckError::Expired))),
            (vec![Some(Cancelled)], Some(Err(AckError::Cancelled))),
            (vec![None], Some(Err(AckError::Unknown))),
        ] {
            assert_eq!(resolve(&states), expected, "{states:?}");
        }
    }
}
