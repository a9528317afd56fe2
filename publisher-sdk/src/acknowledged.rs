//! Waiting for an acknowledgement.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout_at};
use wirebell_protocol::Channel;
use wirebell_protocol::tracking::{Receipt, State};

use crate::error::PublishError;
use crate::failure::{Failure, Verdict};
use crate::transport::Transport;

/// A device has acknowledged an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The event's id.
    pub id: String,
    /// On which of its channels.
    pub channel: Channel,
    /// Which device, as its token names it; the connection's id where it names none.
    pub device: String,
    /// Over which connection.
    pub connection: String,
    /// When, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
}

/// Why there is no acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AckError {
    /// No device has acknowledged it yet. One still may: see [`Publisher::receipts`](crate::Publisher::receipts).
    #[error("no device has acknowledged the event within {after:?}")]
    NotInTime {
        /// How long was waited.
        after: Duration,
    },
    /// No device has acknowledged it by its deadline: it has gone to the fallback stream.
    #[error("no device has acknowledged the event by its deadline: it has fallen back")]
    FallenBack,
    /// No device has acknowledged it for as long as that was worth waiting for: its `ttl`, or a day.
    #[error("the event has expired without an acknowledgement")]
    Expired,
    /// It was cancelled before its time came.
    #[error("the event was cancelled before its time came")]
    Cancelled,
    /// Nobody asked for acknowledgements when it was published.
    #[error("the event is not watched: publish it as a durable one, with `receipt()` or `deadline(seconds)`")]
    NotWatched,
    /// The bus has no record of it: one was published under the same id before that was not watched, the record has been
    /// dropped after its time, or Redis lost it in a failover.
    #[error("the bus has no record of the event")]
    Unknown,
    /// The bus could not be asked. It has the event.
    #[error("nobody can tell whether the event was acknowledged: {0}")]
    Bus(PublishError),
}

/// Between two looks, at least and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Longest time that a node is asked to wait; it bounds how long a connection is held.
const LONGEST_ROUND: Duration = Duration::from_secs(25);
/// A look that begins in time may end so much later.
const LAST_LOOK: Duration = Duration::from_secs(1);

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
        let found = timeout_at(end + LAST_LOOK, look(transport, id, channels, patience(end, channels))).await;
        let so_far = match found {
            Ok(Ok(Some(answer))) => return answer,
            Ok(Ok(None)) => AckError::NotInTime { after: within },
            Ok(Err(failure)) if matches!(failure.verdict, Verdict::Moment(_)) => AckError::Bus(failure.error),
            Ok(Err(failure)) => return Err(AckError::Bus(failure.error)),
            Err(_) => AckError::Bus(PublishError::TimedOut { after: within }),
        };
        if Instant::now() >= end {
            return Err(so_far);
        }
        let pause = (begun.elapsed() / 8).clamp(PAUSES.0, PAUSES.1);
        // Those who began together do not ask together.
        sleep_until(end.min(Instant::now() + pause.mul_f64(fastrand::f64().mul_add(0.2, 0.9)))).await;
    }
}

/// How long a node may wait for all channels to be settled. One of several may be acknowledged long before the others.
fn patience(end: Instant, channels: &[Channel]) -> Duration {
    let longest = if channels.len() == 1 { LONGEST_ROUND } else { Duration::from_secs(1) };
    end.saturating_duration_since(Instant::now()).min(longest)
}

async fn look(
    transport: &Transport,
    id: &str,
    channels: &[Channel],
    patience: Duration,
) -> Result<Option<Result<Acknowledgement, AckError>>, Failure> {
    let states = transport.states(id, channels, patience).await?;
    match judge(&states) {
        Some(Ok(())) => {
            // The record's details are read once it has come to that: they may be many.
            let first = first(id, channels, &transport.receipts(id).await?);
            Ok(first.map(Ok))
        }
        Some(Err(error)) => Ok(Some(Err(error))),
        None => Ok(None),
    }
}

/// What the states of all channels come to, once they come to anything.
fn judge(states: &[Option<State>]) -> Option<Result<(), AckError>> {
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

/// The first acknowledgement that came in time.
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
    fn the_first_acknowledgement_counts_and_other_ends_need_all_channels() {
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
            assert_eq!(judge(&states), expected, "{states:?}");
        }
    }
}
